// A scratch directory with an environment `env`, in which the command line is run as people run it. Registered for cleanup, with the worker that is left
// running there.
import { type ChildProcessByStdio, spawn, spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import type { Owner } from '../worker.ts';

const main = fileURLToPath(new URL('../../../src/cli/main.js', import.meta.url));
const nobody = 65_534;

export interface Ran {
  readonly exit: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Ground {
  readonly dir: string;
  /** `worker …args`, run to its end. */
  run(args: readonly string[]): Ran;
  /** The same as a user who is not root. */
  runAsNobody(args: readonly string[]): Ran;
  start(args: readonly string[]): ChildProcessByStdio<null, Readable, Readable>;
  /** Changes keys of env/config.json. */
  configure(keys: Readonly<Record<string, unknown>>): void;
  /** `worker up -p env --detach`, on a free port. Throws when it does not come up. */
  up(): { readonly url: string; readonly pid: number };
  call(url: string, lambda: string, event?: unknown): Promise<{ status: number; text: string }>;
}

/** Why runAsNobody cannot be used here, if so. */
export function notForNobody(): string | false {
  const { status } = spawnSync(process.execPath, [main, '--version'], { uid: nobody, gid: nobody });
  return status === 0 ? false : `other users may not read ${main}`;
}

export function ground(owner: Owner): Ground {
  const dir = mkdtempSync(join(tmpdir(), 'sock-cli-'));
  chmodSync(dir, 0o755);
  const runAs = (args: readonly string[], user: { uid?: number; gid?: number }): Ran => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [main, ...args], {
      cwd: dir,
      encoding: 'utf8',
      env: { ...process.env, CI: 'true' },
      ...user,
    });
    return { exit: status, stdout, stderr };
  };
  const run = (args: readonly string[]): Ran => runAs(args, {});
  const configFile = join(dir, 'env/config.json');
  owner.after(async () => {
    run(['down', '-p', 'env', '-t', '30']);
    run(['force-cleanup', '-p', 'env']);
    rmSync(dir, { recursive: true });
  });
  run(['init', '-p', 'env']);
  return {
    dir,
    run,
    runAsNobody: (args) => runAs(args, { uid: nobody, gid: nobody }),
    start: (args) => spawn(process.execPath, [main, ...args], { cwd: dir, stdio: ['ignore', 'pipe', 'pipe'] }),
    configure: (keys) =>
      writeFileSync(configFile, JSON.stringify({ ...(JSON.parse(readFileSync(configFile, 'utf8')) as object), ...keys })),
    up: () => {
      const { stdout, stderr } = run(['up', '-p', 'env', '--detach', '-o', 'worker_port=0']);
      const [, pid, url = ''] = /^Ready!\n\tPID: (\d+)\n\tURL: (\S+)$/m.exec(stdout) ?? [];
      if (pid === undefined) throw new Error(`the worker does not come up: ${stdout}${stderr}`);
      return { url, pid: Number(pid) };
    },
    call: async (url, lambda, event = {}) => {
      // `run` holds up this process, for longer than a connection may rest on a busy machine: none is kept.
      const headers = { connection: 'close' };
      const reply = await fetch(`${url}/run/${lambda}`, { method: 'POST', headers, body: JSON.stringify(event) });
      return { status: reply.status, text: await reply.text() };
    },
  };
}
