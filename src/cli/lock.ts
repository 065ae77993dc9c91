// The lock of a worker_dir, for commands that do in it what otherwise its worker does.
import { closeSync } from 'node:fs';
import { dirname } from 'node:path';
import { openLock } from '../config/worker-directory.ts';
import { loadNative, type Native } from '../sandbox/sock/native.ts';
import { because, codeOf, Failure } from './failure.ts';
import { holderOf } from './holder.ts';
import type { Place } from './place.ts';

/** `unlock` gives it back. Throws a Failure when a worker runs. */
export function locked({ lock }: Pick<Place, 'lock'>, attempt: string): { readonly native: Native; readonly unlock: () => void } {
  const native = addon(attempt);
  const fd = opened(lock, attempt);
  if (native.lock(fd)) return { native, unlock: () => closeSync(fd) };
  closeSync(fd);
  const pid = holderOf(lock);
  throw new Failure(
    `${attempt} in "${dirname(lock)}": a worker runs there${pid === undefined ? '' : `, pid ${pid}`} (worker down stops it)`,
  );
}

function addon(attempt: string): Native {
  try {
    return loadNative();
  } catch (cause) {
    throw new Failure(`${attempt}: the addon cannot be loaded: ${because(cause).split('\n')[0]} (as root, bin/worker builds it)`, {
      cause,
    });
  }
}

function opened(lock: string, attempt: string): number {
  try {
    return openLock(dirname(lock));
  } catch (cause) {
    throw new Failure(`${attempt}: ${because(cause)} "${lock}"${codeOf(cause) === 'EACCES' ? '; use sudo' : ''}`, { cause });
  }
}
