// What the host sees of a worker's sandboxes.
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** Fields of /proc/<pid>/status. */
export type ProcStatus = ReadonlyMap<string, string>;

/** The processes that `pid` has started, with those of all its threads: zygotes and the first process of each sandbox. */
export function children(pid: number): number[] {
  return readdirSync(`/proc/${pid}/task`).flatMap((thread) =>
    readFileSync(`/proc/${pid}/task/${thread}/children`, 'utf8').split(' ').filter(Boolean).map(Number),
  );
}

export function procStatus(pid: number): ProcStatus {
  const lines = readFileSync(`/proc/${pid}/status`, 'utf8').split('\n');
  return new Map(lines.map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1).trim()]));
}

/** A sandbox has a pid namespace below the host's; its zygote has not, nor has one that has ended meanwhile. */
export function isSandbox(pid: number): boolean {
  try {
    return (procStatus(pid).get('NSpid') ?? '').split(/\s+/).length > 1;
  } catch {
    return false;
  }
}

/** Among the children of a worker; the others but these and sandboxes are helpers that live for the time of a system call. */
export function isZygote(pid: number): boolean {
  try {
    return !isSandbox(pid) && procStatus(pid).get('Name') === 'python3';
  } catch {
    return false;
  }
}

/** By their paths, as its kernel knows them. */
export function openFiles(pid: number): string[] {
  return readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
    try {
      return readlinkSync(`/proc/${pid}/fd/${fd}`);
    } catch {
      return []; // it was closed while we looked
    }
  });
}

/** Resident memory, MiB. */
export function residentMib(pid: number): number {
  return Number.parseInt(procStatus(pid).get('VmRSS') ?? '0', 10) / 1024;
}
