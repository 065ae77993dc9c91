// A real registry (Debian's docker-registry) with what a test wants of it, and skopeo to put images there; gone when the test is.
import { type ChildProcess, type ChildProcessByStdio, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import type { Ran } from '../cli/ground.ts';
import type { Owner } from '../worker.ts';

const programs = ['docker-registry', 'skopeo', 'umoci', 'zstd'];

/** The options of a test that needs them, and root; skipped without, unless REQUIRE_KERNEL=1. */
export function needsRegistry(): { readonly skip?: string } {
  const lacking = programs.filter((program) => spawnSync(program, ['--version']).error !== undefined);
  if (process.env.REQUIRE_KERNEL === '1') return {};
  if (lacking.length > 0) return { skip: `needs ${lacking.join(', ')} (apt-get install ${lacking.join(' ')})` };
  return process.getuid?.() === 0 ? {} : { skip: 'needs root' };
}

export interface RealRegistry {
  /** `127.0.0.1:PORT` */
  readonly host: string;
  /** `skopeo copy …`; rejects with its words. */
  copy(...args: readonly string[]): Promise<void>;
  stop(): Promise<void>;
}

/** `auth`: the part of its configuration. `user`: `name:password`, for skopeo. */
export async function realRegistry(
  owner: Owner,
  { auth = {}, user }: { readonly auth?: object; readonly user?: string } = {},
): Promise<RealRegistry> {
  const dir = mkdtempSync(join(tmpdir(), 'docker-registry-'));
  const host = `127.0.0.1:${await freePort()}`;
  const file = join(dir, 'config.json'); // JSON is YAML
  writeFileSync(
    file,
    JSON.stringify({ version: 0.1, storage: { filesystem: { rootdirectory: join(dir, 'data') } }, http: { addr: host }, auth }),
  );
  const registry = spawn('docker-registry', ['serve', file], { stdio: ['ignore', 'ignore', 'pipe'] });
  const ended = once(registry, 'close');
  const stop = async (): Promise<void> => {
    registry.kill('SIGKILL');
    await ended;
  };
  owner.after(async () => {
    await stop();
    rmSync(dir, { recursive: true });
  });
  await listening(registry);
  return {
    host,
    stop,
    copy: (...args) =>
      skopeo('copy', '--dest-tls-verify=false', '--src-tls-verify=false', ...(user === undefined ? [] : ['--dest-creds', user]), ...args),
  };
}

async function skopeo(...args: readonly string[]): Promise<void> {
  const { exit, stderr } = await ran(spawn('skopeo', ['--insecure-policy', ...args], { stdio: ['ignore', 'pipe', 'pipe'] }));
  if (exit !== 0) throw new Error(`skopeo ${args.join(' ')}: ${stderr}`);
}

/** To its end, while this process goes on. */
export async function ran(child: ChildProcessByStdio<null, Readable, Readable>): Promise<Ran> {
  const [[exit], stdout, stderr] = await Promise.all([once(child, 'close'), text(child.stdout), text(child.stderr)]);
  return { exit, stdout, stderr };
}

async function listening(registry: ChildProcess): Promise<void> {
  const words: string[] = [];
  for await (const line of createInterface({ input: registry.stderr ?? process.stdin })) {
    words.push(line);
    if (!line.includes('listening on')) continue;
    registry.stderr?.resume();
    return;
  }
  throw new Error(`docker-registry does not start: ${words.join('\n')}`);
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  return typeof address === 'object' && address !== null ? address.port : 0;
}
