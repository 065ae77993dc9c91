// What the workers of an environment run with, as each leaves it there while it lives (running/PID.json): with -o, or after a change of config.json,
// the file alone does not tell other commands where the worker is. That of one that was killed stays until force-cleanup or the next start.
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { codeOf } from './failure.ts';

/** Keys of the config (`docker.socket`) with their values: no secrets, paths absolute. */
export type Running = Readonly<{ worker_dir: string } & { [key: string]: unknown }>;

/** Whole at any moment; takes the place of what this process has left before. */
export function leave(dir: string, record: Running): void {
  const file = fileOf(dir, process.pid);
  mkdirSync(join(dir, folder), { recursive: true });
  writeFileSync(`${file}~`, `${JSON.stringify(record, undefined, 2)}\n`);
  renameSync(`${file}~`, file);
}

export function takeBack(dir: string): void {
  rmSync(fileOf(dir, process.pid), { force: true });
}

export function records(dir: string): readonly { readonly pid: number; readonly record: Running }[] {
  return pids(dir).flatMap((pid) => {
    const record = recordOf(dir, pid);
    return record === undefined ? [] : [{ pid, record }];
  });
}

/** Removes those of workers that have ended in a worker_dir. */
export function sweep(dir: string, workerDir: string): void {
  for (const pid of pids(dir)) if (recordOf(dir, pid)?.worker_dir === workerDir && !isAlive(pid)) rmSync(fileOf(dir, pid), { force: true });
}

const folder = 'running';

function fileOf(dir: string, pid: number): string {
  return join(dir, folder, `${pid}.json`);
}

function pids(dir: string): readonly number[] {
  try {
    return readdirSync(join(dir, folder)).flatMap((name) => (/^\d+\.json$/.test(name) ? [Number.parseInt(name, 10)] : []));
  } catch (cause) {
    if (['ENOENT', 'ENOTDIR', 'EACCES'].includes(codeOf(cause) ?? '')) return [];
    throw cause;
  }
}

/** Undefined when it has just been taken back, or is none. */
function recordOf(dir: string, pid: number): Running | undefined {
  try {
    const value: unknown = JSON.parse(readFileSync(fileOf(dir, pid), 'utf8'));
    if (typeof value !== 'object' || value === null || !('worker_dir' in value)) return undefined;
    return typeof value.worker_dir === 'string' ? { ...value, worker_dir: value.worker_dir } : undefined;
  } catch {
    return undefined;
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (cause) {
    return codeOf(cause) !== 'ESRCH';
  }
}
