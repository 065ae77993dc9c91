// A real worker, started as users start it, in a directory of its own.
import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { closeSync, existsSync, mkdirSync, openSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { cgroup2Mount } from '../src/sandbox/sock/cgroups.ts';
import { packageRoot } from '../src/sandbox/sock/native.ts';
import type { Setting } from './case.ts';
import { pause } from './interleave.ts';

/** What `GET /status` tells, as far as cases use it. */
export interface Status {
  readonly instances: number;
  readonly standbys: number;
  readonly sandboxes: number;
  readonly runtimes: Readonly<Record<string, { readonly slots: { readonly coming: number } }>>;
}

/** The lambda of all cases; its answers are as small as can be, so that what is measured is the way. */
export const lambda = { name: 'echo', source: 'def f(event):\n    return event\n', body: '{"x":1}', expected: '{"x": 1}' };

/** Of each runtime, not more after a burst either: a call of one round is to meet what a call of the next one meets. */
const standbys = 2;

/** The registry of most cases. */
const plain = { [`${lambda.name}.py`]: lambda.source };

export interface WorkerOptions {
  /** What is in the registry, by its path there. */
  readonly sources?: Readonly<Record<string, string>>;
  /** A module that its process loads first. */
  readonly preload?: URL;
}

export class Worker {
  readonly port: number;
  readonly pid: number;
  readonly #child: ChildProcess;
  readonly #directory: string;

  private constructor(port: number, child: ChildProcess, directory: string) {
    this.port = port;
    this.pid = child.pid ?? -1;
    this.#child = child;
    this.#directory = directory;
  }

  /** `config` is config.json without what the bench decides. */
  static async start(setting: Setting, config: object, { sources = plain, preload }: WorkerOptions = {}): Promise<Worker> {
    const directory = mkdir(setting.directory);
    const registry = join(directory, 'registry');
    for (const [path, source] of Object.entries(sources)) {
      mkdirSync(dirname(join(registry, path)), { recursive: true });
      writeFileSync(join(registry, path), source);
    }
    const file = join(directory, 'config.json');
    const own = { sandbox: 'sock', worker_url: '127.0.0.1', worker_port: 0, registry, worker_dir: join(directory, 'worker') };
    const kept = { standbys, max_standbys: standbys, log_output: join(directory, 'log') };
    writeFileSync(file, JSON.stringify({ ...own, ...kept, ...config }));
    const errors = join(directory, 'stderr');
    const stderr = openSync(errors, 'w');
    const before = preload === undefined ? [] : ['--import', preload.href];
    const child = spawn(process.execPath, [...before, join(packageRoot(), 'dist/src/cli/main.js'), '--config', file], {
      stdio: ['ignore', 'pipe', stderr],
    });
    closeSync(stderr);
    const port = await listeningPort(child);
    if (port === undefined) {
      const log = [errors, join(directory, 'log')].map((path) => (existsSync(path) ? readFileSync(path, 'utf8') : '')).join('');
      throw new Error(`start a worker: it ended at once\n${log}`);
    }
    return setting.own(new Worker(port, child, join(directory, 'worker')));
  }

  async status(): Promise<Status> {
    const response = await fetch(`http://127.0.0.1:${this.port}/status`, { headers: { accept: 'application/json' } });
    return (await response.json()) as Status;
  }

  /** Waits until it has nothing to do: no sandbox but the standbys, and, where `instances` says so, those that are idle. */
  async quiet(instances = 0): Promise<void> {
    const give = performance.now() + 20_000;
    for (;;) {
      const s = await this.status();
      const runtimes = Object.values(s.runtimes);
      const made = s.standbys === standbys * runtimes.length && runtimes.every(({ slots }) => slots.coming === 0);
      if (made && s.instances <= instances && s.sandboxes <= instances) break;
      if (performance.now() > give) throw new Error(`wait for a quiet worker: ${JSON.stringify(s)}`);
      await pause(2);
    }
    await pause(2); // what the polling has woken goes back to sleep
  }

  /** The cgroup of the worker, as src/sandbox/sock/cgroups.ts names it. */
  get cgroup(): string {
    const mount = cgroup2Mount(readFileSync('/proc/mounts', 'utf8')) ?? '';
    return join(mount, `sock-worker-${createHash('sha256').update(this.#directory).digest('hex').slice(0, 12)}`);
  }

  /** The ids of its threads. */
  threads(): number[] {
    return readdirSync(`/proc/${this.pid}/task`).map(Number);
  }

  /** The zygote's pid. */
  get zygote(): number {
    return pidsIn(join(this.cgroup, 'z0/self'))[0] ?? -1;
  }

  /** The processes in sandboxes: pid by cgroup directory. */
  sandboxes(): ReadonlyMap<string, number> {
    const found = new Map<string, number>();
    const zygote = join(this.cgroup, 'z0');
    for (const name of readdirSync(zygote)) {
      const [pid] = name.startsWith('sb-') ? pidsIn(join(zygote, name)) : [];
      if (pid !== undefined) found.set(join(zygote, name), pid);
    }
    return found;
  }

  async close(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    this.#child.kill('SIGTERM');
    await new Promise((resolve) => this.#child.once('close', resolve));
  }
}

function mkdir(parent: string): string {
  for (let i = 0; ; i++) {
    const directory = join(parent, `worker-${i}`);
    if (existsSync(directory)) continue;
    mkdirSync(directory);
    return directory;
  }
}

function listeningPort(child: ChildProcess): Promise<number | undefined> {
  return new Promise((resolve) => {
    if (child.stdout !== null)
      createInterface({ input: child.stdout }).on('line', (line) => {
        const port = /^listening on http:\/\/.*:(\d+) /.exec(line)?.[1];
        if (port !== undefined) resolve(Number(port));
      });
    child.once('close', () => resolve(undefined));
  });
}

function pidsIn(directory: string): number[] {
  return readFileSync(join(directory, 'cgroup.procs'), 'utf8').split('\n').filter(Boolean).map(Number);
}
