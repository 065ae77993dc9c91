// `worker force-cleanup`: removes what a worker that was killed has left: its sandboxes (their cgroups, or its containers at the engine), its socket, its pid file. (Its mounts were in
// namespaces of its sandboxes, and end with them; what is half made in its store is removed by the next start.)
import { existsSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { Cgroups } from '../sandbox/sock/cgroups.ts';
import { because, Failure } from './failure.ts';
import { locked } from './lock.ts';
import { type Place, type PlaceOptions, placesOf } from './place.ts';
import { sweep } from './record.ts';

export async function cleanup(options: PlaceOptions): Promise<void> {
  const [own, ...left] = placesOf(options);
  const others = left.filter(({ workerDir, lock }) => workerDir !== own.workerDir && existsSync(lock));
  for (const place of [own, ...others]) await cleanUp(place);
}

async function cleanUp(place: Place): Promise<void> {
  const { native, unlock } = locked(place, 'clean up');
  try {
    if (place.engine === undefined) Cgroups.open(native, place.workerDir).close();
    else await (await import('../sandbox/docker/leftovers.ts')).removeLeftovers(place.engine, place.workerDir);
    const left = [place.socket, place.pidFile].filter((file) => existsSync(file));
    for (const file of left) rmSync(file);
    sweep(dirname(place.configFile), place.workerDir);
    process.stdout.write(
      `cleaned up ${place.workerDir}: ${place.engine === undefined ? 'no sandbox or cgroup' : 'no container'} of a dead worker is left${left.map((file) => `; removed ${file}`).join('')}\n`,
    );
  } catch (cause) {
    throw new Failure(`clean up "${place.workerDir}": ${because(cause)}${process.getuid?.() === 0 ? '' : '; use sudo'}`, { cause });
  } finally {
    unlock();
  }
}
