// The lock of a worker_dir, for commands that do in it what otherwise its worker does.
import { closeSync, mkdirSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Native } from '../sandbox/sock/native.ts';
import { because, codeOf, Failure } from './failure.ts';
import { holderOf } from './holder.ts';
import type { Place } from './place.ts';

/** The returned function gives it back. Throws a Failure when a worker runs. */
export function lockFor(native: Native, { lock }: Pick<Place, 'lock'>, attempt: string): () => void {
  const dir = dirname(lock);
  const fd = opened(lock, attempt);
  if (native.lock(fd)) return () => closeSync(fd);
  closeSync(fd);
  const pid = holderOf(lock);
  throw new Failure(`${attempt} in "${dir}": a worker runs there${pid === undefined ? '' : `, pid ${pid}`} (worker down stops it)`);
}

function opened(lock: string, attempt: string): number {
  try {
    mkdirSync(dirname(lock), { recursive: true });
    return openSync(lock, 'a', 0o600);
  } catch (cause) {
    throw new Failure(`${attempt}: ${because(cause)} "${lock}"${codeOf(cause) === 'EACCES' ? '; use sudo' : ''}`, { cause });
  }
}
