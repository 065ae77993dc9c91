// The worker's cgroup v2 subtree: where it is, which limits can be enforced in it, what an earlier run has left there.
import { createHash } from 'node:crypto';
import { chownSync, closeSync, mkdirSync, openSync, readdirSync, readFileSync, rmdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { SandboxLimits } from '../sandbox.ts';
import type { Native } from './native.ts';

export type Controller = 'memory' | 'pids' | 'cpu';
const wanted: readonly Controller[] = ['memory', 'pids', 'cpu'];

export class Cgroups {
  readonly root: string;
  /** The controllers that hold sandboxes to their limits here. */
  readonly controllers: ReadonlySet<Controller>;

  /** Locked as long as the worker lives: it says that the directory is somebody's. */
  readonly #lock: number;

  private constructor(root: string, controllers: ReadonlySet<Controller>, lock: number) {
    this.root = root;
    this.controllers = controllers;
    this.#lock = lock;
  }

  get missing(): readonly Controller[] {
    return wanted.filter((c) => !this.controllers.has(c));
  }

  /** Makes the subtree of the worker whose directory is `workerDir`; first ends whatever a dead worker of that directory has left in it, and removes empty ones of dead workers of others. */
  static open(native: Native, workerDir: string): Cgroups {
    const parent = parentCgroup(native);
    const root = join(parent, `sock-worker-${createHash('sha256').update(workerDir).digest('hex').slice(0, 12)}`);
    try {
      native.destroyCgroup(root, 10_000);
    } catch (error) {
      if ((error as { errno?: number }).errno !== 2) throw error; // ENOENT: nothing was left
    }
    const enabled = enable(parent);
    mkdirSync(root);
    const lock = openSync(root, 'r');
    native.lock(lock);
    removeAbandoned(native, parent, abandonedMs);
    return new Cgroups(root, new Set([...enabled].filter((c) => enable(root).has(c))), lock);
  }

  /** A directory for a zygote: its subtree's cgroup.procs belong to `uid`, who may fork into it; the limit files stay root's. */
  zygote(name: string, uid: number): { directory: string; self: string } {
    const directory = join(this.root, name);
    const self = join(directory, 'self');
    mkdirSync(directory);
    enable(directory);
    mkdirSync(self);
    for (const d of [directory, self]) chownSync(join(d, 'cgroup.procs'), uid, uid);
    return { directory, self };
  }

  slot(directory: string, uid: number, limits: SandboxLimits): void {
    mkdirSync(directory);
    chownSync(join(directory, 'cgroup.procs'), uid, uid);
    this.hold(directory, limits);
  }

  /** Holds all that is in a directory to limits; over its memory it ends as a whole. */
  hold(directory: string, limits: SandboxLimits): void {
    if (this.controllers.has('memory')) writeFileSync(join(directory, 'memory.oom.group'), '1');
    this.limit(directory, limits);
  }

  limit(directory: string, limits: SandboxLimits): void {
    const set = (controller: Controller, file: string, value: string): void => {
      if (this.controllers.has(controller)) writeFileSync(join(directory, file), value);
    };
    set('memory', 'memory.max', `${limits.memoryBytes}`);
    if (this.controllers.has('memory')) swap(join(directory, 'memory.swap.max'), limits.swapBytes);
    set('pids', 'pids.max', `${limits.processes}`);
    set('cpu', 'cpu.max', `${limits.cpuPercent * 1000} 100000`);
  }

  /** How often the kernel has ended this cgroup for its memory. */
  oomKills(directory: string): number {
    if (!this.controllers.has('memory')) return 0;
    return Number(/^oom_kill (\d+)$/m.exec(readFileSync(join(directory, 'memory.events'), 'utf8'))?.[1] ?? 0);
  }

  /** Bytes that what runs in it uses; without the memory controller its share of the memory of the processes in it (PSS). */
  memory(directory: string): number {
    if (this.controllers.has('memory')) return Number(readFileSync(join(directory, 'memory.current'), 'utf8'));
    const pids = readFileSync(join(directory, 'cgroup.procs'), 'utf8').split('\n').filter(Boolean);
    return pids.reduce((sum, pid) => sum + proportionalBytes(pid), 0);
  }

  /** Ends all that runs in the subtree, without waiting for it. */
  kill(): void {
    writeFileSync(join(this.root, 'cgroup.kill'), '1');
  }

  close(): void {
    rmdirSync(this.root);
    closeSync(this.#lock);
  }
}

/** A worker that starts has locked its own long before. */
const abandonedMs = 60_000;

/** Removes workers' subtrees in `parent` in which nothing runs, which nobody has locked, and in which nothing was made or removed for `idleMs`. */
export function removeAbandoned(native: Pick<Native, 'lock' | 'destroyCgroup'>, parent: string, idleMs: number): void {
  for (const name of readdirSync(parent)) {
    if (!/^sock-worker-[0-9a-f]{12}$/.test(name)) continue;
    try {
      removeUnlessUsed(native, join(parent, name), idleMs);
    } catch {
      // another worker removes it, too
    }
  }
}

function removeUnlessUsed(native: Pick<Native, 'lock' | 'destroyCgroup'>, root: string, idleMs: number): void {
  if (Date.now() - statSync(root).ctimeMs < idleMs) return;
  const lock = openSync(root, 'r');
  try {
    if (/^populated 0$/m.test(readFileSync(join(root, 'cgroup.events'), 'utf8')) && native.lock(lock)) native.destroyCgroup(root, 0);
  } finally {
    closeSync(lock);
  }
}

/** Where cgroup v2 is mounted, or undefined. The first line of the mount table that is one. */
export function cgroup2Mount(mounts: string): string | undefined {
  for (const line of mounts.split('\n')) {
    const [, point, type] = line.split(' ');
    if (type === 'cgroup2' && point !== undefined) return point;
  }
  return undefined;
}

// Inside its own cgroup when that is delegated to it (systemd's Delegate=yes), else at the top. A cgroup whose children have controllers may hold no
// process itself, so the worker then moves into a child of its own: once, at the start.
function parentCgroup(native: Native): string {
  const mount = cgroup2Mount(readFileSync('/proc/mounts', 'utf8'));
  if (mount === undefined) throw new Error('find cgroup v2 in /proc/mounts: it is not mounted (mount -t cgroup2 none /sys/fs/cgroup)');
  const own = join(mount, /^0::(.*)$/m.exec(readFileSync('/proc/self/cgroup', 'utf8'))?.[1] ?? '/');
  if (own === mount || !native.delegatedCgroup(own)) return mount;
  mkdirSync(join(own, 'worker'), { recursive: true });
  writeFileSync(join(own, 'worker', 'cgroup.procs'), `${process.pid}`);
  return own;
}

// Hands the wanted controllers down to the children of a directory, one by one: a host may have some elsewhere (cgroup v1) and not others.
function enable(directory: string): Set<Controller> {
  for (const controller of wanted) {
    try {
      writeFileSync(join(directory, 'cgroup.subtree_control'), `+${controller}`);
    } catch {
      // not available here: what follows tells
    }
  }
  const on = readFileSync(join(directory, 'cgroup.subtree_control'), 'utf8').trim().split(' ');
  return new Set(wanted.filter((c) => on.includes(c)));
}

function proportionalBytes(pid: string): number {
  try {
    return Number(/^Pss:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1] ?? 0) * 1024;
  } catch {
    return 0; // it has just ended
  }
}

function swap(path: string, bytes: number): void {
  try {
    writeFileSync(path, `${bytes}`);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error; // a kernel without swap accounting has no swap to limit
  }
}
