// Makes a directory that a config or a command names, with those above it that are missing. Used by cli/ and main.ts.
import { existsSync, mkdirSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** One by one: mkdirSync with `recursive` never returns below /proc (Node 20), where a directory is there and nothing can be made in it. */
export function makeDirectory(dir: string): void {
  try {
    mkdirSync(dir);
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    const above = dirname(dir);
    if (code === 'EEXIST' && statSync(dir).isDirectory()) return;
    if (code !== 'ENOENT') throw cause;
    if (existsSync(above))
      throw new Error(`make the directory "${dir}": nothing can be made in "${above}" (name another place)`, { cause });
    makeDirectory(above);
    mkdirSync(dir);
  }
}

/** The registry in `workerDir` is made. Another that is not there may be a slip, or mounted later: it must not pass for an empty one. False: it is missing. */
export function hasRegistry(directory: string, workerDir: string): boolean {
  if (directory !== join(workerDir, 'registry') && !existsSync(directory)) return false;
  makeDirectory(directory);
  return true;
}
