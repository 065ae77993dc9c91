// Who runs in a worker_dir: the process that holds its lock. The kernel drops the lock with its holder, so this is never out of date, as a pid file may be.
import { type BigIntStats, readdirSync, readFileSync, statSync } from 'node:fs';
import { because, codeOf, Failure } from './failure.ts';

/** The pid of the worker that holds `lock`, undefined when none does. */
export function holderOf(lock: string): number | undefined {
  const file = statOf(lock);
  if (file === undefined) return undefined;
  return holders(readFileSync('/proc/locks', 'utf8'), file.ino).find((pid) => hasOpen(pid, file));
}

/** The pids that hold an flock on a file with this inode number, on whichever file system. (Some tell another device number there than stat does.) */
export function holders(locks: string, inode: bigint): number[] {
  return locks.split('\n').flatMap((line) => {
    const [, pid, found] = /^\d+: FLOCK +ADVISORY +WRITE +(\d+) +[\da-f]+:[\da-f]+:(\d+) /.exec(line) ?? [];
    return found !== undefined && BigInt(found) === inode && pid !== '0' ? [Number(pid)] : [];
  });
}

function statOf(path: string): BigIntStats | undefined {
  try {
    return statSync(path, { bigint: true, throwIfNoEntry: false });
  } catch (cause) {
    if (codeOf(cause) === 'ENOTDIR') return undefined;
    throw new Failure(`look for a worker at "${path}": ${because(cause)}; use sudo`, { cause });
  }
}

/** Whether the process has this very file open. Where its descriptors are not ours to see, the inode number has to do. */
function hasOpen(pid: number, file: BigIntStats): boolean {
  try {
    return readdirSync(`/proc/${pid}/fd`).some((fd) => {
      const open = statSync(`/proc/${pid}/fd/${fd}`, { bigint: true, throwIfNoEntry: false });
      return open?.ino === file.ino && open.dev === file.dev;
    });
  } catch (cause) {
    return codeOf(cause) === 'EACCES';
  }
}
