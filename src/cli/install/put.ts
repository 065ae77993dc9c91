// Puts an archive into a registry: the running worker does it, or, where none runs, the command itself by the same rules.
import { copyFileSync, createReadStream, mkdtempSync, renameSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { ask, textOf } from '../client.ts';
import { because, Failure } from '../failure.ts';
import { holderOf } from '../holder.ts';
import type { Place } from '../place.ts';
import { statusOf } from '../status.ts';
import { refuseOwn } from './own-code.ts';

export interface Package {
  readonly name: string;
  /** The directory or repository that was packed. */
  readonly from: string;
  readonly archive: string;
}

export async function put(place: Place, { name, from, archive }: Package): Promise<void> {
  if (holderOf(place.lock) === undefined) return await putHere(place, { name, from, archive });
  const found = await statusOf(place); // where its registry is, whatever has become of the config
  if (found?.state === 'silent') throw new Failure(`install "${name}": ${found.why}`);
  if (typeof found?.details.registry === 'string') refuseOwn(found.details.registry, name, from);
  const headers = { 'content-type': 'application/gzip', 'content-length': `${statSync(archive).size}` };
  const path = `/registry/${encodeURIComponent(name)}`;
  const reply = await ask(place, { method: 'POST', path, headers, body: createReadStream(archive) });
  await textOf(reply, 201).catch((cause: unknown) => {
    throw new Failure(`install "${name}": ${because(cause)}`, { cause });
  });
}

/** Only what a worker could call gets into the registry, by one rename. */
async function putHere({ configFile, options }: Place, { name, from, archive }: Package): Promise<void> {
  const [{ checked }, { registryDirectory }, { withStore }, { DirectoryRegistry }, { settingsOf }, { entryCheck }] = await Promise.all([
    import('../run.ts'),
    import('../registry-directory.ts'),
    import('../store.ts'),
    import('../../registry/registry.ts'),
    import('../../lambda/deployment.ts'),
    import('../../sandbox/entry-check.ts'),
  ]);
  const config = checked({ config: configFile, options });
  const attempt = `install "${name}"`;
  await withStore(config, attempt, async ({ store, pool }) => {
    const registry = registryDirectory(config, attempt);
    refuseOwn(registry, name, from);
    const trial = mkdtempSync(join(registry, '.install~')); // with a "~" it is no lambda's name
    try {
      const candidate = join(trial, `${name}.tar.gz`);
      copyFileSync(archive, candidate);
      const code = await new DirectoryRegistry({ dir: trial, store, pool }).resolve(name);
      entryCheck()(code.dir, settingsOf(code.dir, config));
      renameSync(candidate, join(registry, `${name}.tar.gz`));
    } finally {
      rmSync(trial, { recursive: true, force: true });
    }
  });
}
