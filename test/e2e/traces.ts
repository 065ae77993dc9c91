// What a worker leaves on the host, for tests that expect nothing.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Worker } from './worker.ts';

/** The cgroup directories of the worker with this worker_dir, the topmost first; empty when there is none. */
export function cgroups({ workerDir }: Pick<Worker, 'workerDir'>): string[] {
  const name = `sock-worker-${createHash('sha256').update(workerDir).digest('hex').slice(0, 12)}`;
  const mount = /^\S+ (\S+) cgroup2 /m.exec(readFileSync('/proc/mounts', 'utf8'))?.[1] ?? '/sys/fs/cgroup';
  const own = join(mount, /^0::(.*)$/m.exec(readFileSync('/proc/self/cgroup', 'utf8'))?.[1] ?? '/');
  return [...new Set([join(mount, name), join(own, name), join(own, '..', name)])].filter((root) => existsSync(root)).flatMap(tree);
}

/** Pids of all that runs in the worker's cgroups: zygotes and sandboxes. */
export function inside(worker: Pick<Worker, 'workerDir'>): number[] {
  return cgroups(worker).flatMap((directory) => {
    const pids = readFileSync(join(directory, 'cgroup.procs'), 'utf8').trim();
    return pids === '' ? [] : pids.split('\n').map(Number);
  });
}

/** Those of the pids that still run. (A zombie whose parent is gone is init's to reap, when it comes to it.) */
export function alive(pids: readonly number[]): number[] {
  return pids.filter((pid) => !['Z', 'X', undefined].includes(stat(pid)[0]));
}

/** Pids of zombies whose parent is `parent`. */
export function zombies(parent: number): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      const [state, ppid] = stat(pid);
      return state === 'Z' && Number(ppid) === parent;
    });
}

export function residentBytes(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1024;
}

/** What is mounted on the host of the worker's directory, or in it. */
export function mounts({ dir }: Pick<Worker, 'dir'>): string[] {
  return readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .filter((line) => line.includes(dir));
}

export function openDescriptors(pid: number): number {
  return readdirSync(`/proc/${pid}/fd`).length;
}

/** Of a worker that has ended, with what was inside of it. */
export function nothingLeft(worker: Pick<Worker, 'workerDir' | 'pid'>, pids: readonly number[]): void {
  assert.deepEqual(cgroups(worker), []);
  assert.deepEqual(alive([worker.pid, ...pids]), []);
}

// State and what follows it; nothing when the process is gone.
function stat(pid: number): string[] {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /s, '')
      .split(' ');
  } catch {
    return [];
  }
}

function tree(directory: string): string[] {
  const below = readdirSync(directory, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  return [directory, ...below.flatMap(({ name }) => tree(join(directory, name)))];
}
