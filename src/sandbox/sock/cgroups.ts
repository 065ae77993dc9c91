// The worker's cgroup v2 subtree: where it is, which limits can be enforced in it, what an earlier run has left there.
import { createHash } from 'node:crypto';
import { chownSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { SandboxLimits } from '../sandbox.ts';
import type { Native } from './native.ts';

export type Controller = 'memory' | 'pids' | 'cpu';
const wanted: readonly Controller[] = ['memory', 'pids', 'cpu'];

export class Cgroups {
  readonly root: string;
  /** The controllers that hold sandboxes to their limits here. */
  readonly controllers: ReadonlySet<Controller>;

  private constructor(root: string, controllers: ReadonlySet<Controller>) {
    this.root = root;
    this.controllers = controllers;
  }

  get missing(): readonly Controller[] {
    return wanted.filter((c) => !this.controllers.has(c));
  }

  /** Makes the subtree of the worker whose directory is `workerDir`; first ends whatever a dead worker of that directory has left in it. */
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
    return new Cgroups(root, new Set([...enabled].filter((c) => enable(root).has(c))));
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
