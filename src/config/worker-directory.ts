// The directory of one worker, in which it makes and removes what it likes: so only where it is known to be its own. Used by main.ts and cli/.
import { lstatSync, openSync, readFileSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { ConfigError } from './config-error.ts';
import { makeDirectory } from './make-directory.ts';

/** What a worker takes for its own in there, to be made anew or removed. */
export const ownNames = ['root', 'staging', 'store', 'images', 'docker', 'ol.sock'] as const;

/** The content of its lock. */
const mark = 'This directory belongs to a sock-worker, which removes what it finds in it, but for a registry.\n';

/**
 * Opens the lock of a worker_dir, to be locked; makes it, and the directory, where they are missing.
 *
 * @throws ConfigError when there is something in the directory that a worker would remove and none has made.
 */
export function openLock(dir: string): number {
  const lock = join(dir, 'lock');
  makeDirectory(dir);
  const foreign = ownNames.find((name) => lstatSync(join(dir, name), { throwIfNoEntry: false }) !== undefined);
  const found = contentOf(lock); // after that look: a worker that is just beginning here marks first
  if (!found.startsWith(mark) && (foreign !== undefined || found !== '')) {
    throw new ConfigError([
      `worker_dir: expected a directory of a worker's own, or a new one, got ${JSON.stringify(dir)}, where ${JSON.stringify(foreign ?? 'lock')} is of somebody else's making and would be lost`,
    ]);
  }
  const fd = openSync(lock, 'a', 0o600);
  if (found === '') writeSync(fd, mark);
  return fd;
}

/** '' when there is none. */
function contentOf(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw cause;
  }
}

/** Whether the worker's own files and a registry in this directory would be in each other's way. */
export function clashesWith(workerDir: string, registry: string): boolean {
  return registry === workerDir || isWithin(workerDir, registry) || ownNames.some((name) => isWithin(registry, join(workerDir, name)));
}

/** Whether `path` is `place` or below it. */
export function isWithin(path: string, place: string): boolean {
  for (let at = path; ; at = dirname(at)) {
    if (at === place) return true;
    if (at === dirname(at)) return false;
  }
}
