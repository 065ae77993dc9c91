// Keeps `worker admin install` from taking away what it is to install: whatever the registry has under the lambda's name makes room for the new package.
import { realpathSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { WorkerError } from '../../errors.ts';
import { type Entry, entriesOf } from '../../registry/entry.ts';
import { Failure } from '../failure.ts';

/** `from`: what is to be installed. Throws a Failure when it is, holds, or lies in an entry of the lambda. */
export function refuseOwn(registry: string, name: string, from: string): void {
  const own = entries(registry, name).find(({ path }) => chain(path).includes(id(from)) || chain(from).includes(id(path)));
  if (own === undefined) return;
  throw new Failure(
    `install "${name}": "${own.path}" is in the registry already, it can be called as it is, and "${from}" would be lost in replacing it (give a copy that lies elsewhere, or another name with -n)`,
  );
}

function entries(registry: string, name: string): readonly Entry[] {
  try {
    return [...entriesOf(registry, name)];
  } catch (cause) {
    if (cause instanceof WorkerError) return []; // there is none, or nothing of it that the caller could read and pack
    throw cause;
  }
}

/** What a path leads to and all directories above: by what they are, since links and bind mounts give one several paths. */
function chain(path: string): readonly string[] {
  const ids = [];
  for (let at = realpathSync(path); ; at = dirname(at)) {
    ids.push(id(at));
    if (at === dirname(at)) return ids;
  }
}

function id(path: string): string {
  const { dev, ino } = statSync(path, { bigint: true });
  return `${dev}:${ino}`;
}
