// Puts an archive into a registry: the running worker does it, or, where none runs, the command itself by the same rules.
import { copyFileSync, createReadStream, mkdtempSync, renameSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { ask, textOf } from '../client.ts';
import { because, Failure } from '../failure.ts';
import { holderOf } from '../holder.ts';
import type { Place } from '../place.ts';

export async function put(place: Place, name: string, archive: string): Promise<void> {
  if (holderOf(place.lock) === undefined) return await putHere(place, name, archive);
  const headers = { 'content-type': 'application/gzip', 'content-length': `${statSync(archive).size}` };
  const path = `/registry/${encodeURIComponent(name)}`;
  const reply = await ask(place, { method: 'POST', path, headers, body: createReadStream(archive) });
  await textOf(reply, 201).catch((cause: unknown) => {
    throw new Failure(`install "${name}": ${because(cause)}`, { cause });
  });
}

/** Only what a worker could call gets into the registry, by one rename. */
async function putHere({ configFile }: Place, name: string, archive: string): Promise<void> {
  const [{ checked }, { registryDirectory }, { withStore }, { DirectoryRegistry }, { checkSettings }] = await Promise.all([
    import('../run.ts'),
    import('../registry-directory.ts'),
    import('../store.ts'),
    import('../../registry/registry.ts'),
    import('./check-settings.ts'),
  ]);
  const config = checked({ config: configFile, options: [] });
  const attempt = `install "${name}"`;
  await withStore(config, attempt, async ({ store, pool }) => {
    const registry = registryDirectory(config, attempt);
    const trial = mkdtempSync(join(registry, '.install~')); // with a "~" it is no lambda's name
    try {
      const candidate = join(trial, `${name}.tar.gz`);
      copyFileSync(archive, candidate);
      checkSettings((await new DirectoryRegistry({ dir: trial, store, pool }).resolve(name)).dir, config);
      renameSync(candidate, join(registry, `${name}.tar.gz`));
    } finally {
      rmSync(trial, { recursive: true, force: true });
    }
  });
}
