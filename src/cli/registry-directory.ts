// The registry of a command that writes to it.
import type { Config } from '../config/load.ts';
import { makeDirectory } from '../config/make-directory.ts';
import { directoryOf } from '../registry/registries.ts';
import { Failure } from './failure.ts';

/** There when it returns. `attempt`: what is done, for messages. Throws a Failure where the registry is elsewhere. */
export function registryDirectory(config: Config, attempt: string): string {
  const dir = directoryOf(config);
  if (dir === undefined)
    throw new Failure(`${attempt}: the registry of this worker is no directory of this machine (put the code where it is kept)`);
  makeDirectory(dir);
  return dir;
}
