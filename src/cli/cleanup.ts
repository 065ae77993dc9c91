// `worker force-cleanup`: removes what a worker that was killed has left: its sandboxes and their cgroups, its socket, its pid file. (Its mounts were in
// namespaces of its sandboxes, and end with them; what is half made in its store is removed by the next start.)
import { existsSync, rmSync } from 'node:fs';
import { Cgroups } from '../sandbox/sock/cgroups.ts';
import { because, Failure } from './failure.ts';
import { locked } from './lock.ts';
import { type PlaceOptions, placeOf } from './place.ts';

export function cleanup(options: PlaceOptions): void {
  const place = placeOf(options);
  const { native, unlock } = locked(place, 'clean up');
  try {
    Cgroups.open(native, place.workerDir).close();
    const left = [place.socket, place.pidFile].filter((file) => existsSync(file));
    for (const file of left) rmSync(file);
    process.stdout.write(
      `cleaned up ${place.workerDir}: no sandbox or cgroup of a dead worker is left${left.map((file) => `; removed ${file}`).join('')}\n`,
    );
  } catch (cause) {
    throw new Failure(`clean up "${place.workerDir}": ${because(cause)}${process.getuid?.() === 0 ? '' : '; use sudo'}`, { cause });
  } finally {
    unlock();
  }
}
