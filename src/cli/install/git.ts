// Clones a repository with the git that is installed.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { because, Failure } from '../failure.ts';

/** A URL, `user@host:path`, or a bare repository on this machine. */
export function isGit(source: string): boolean {
  return /^[a-z][a-z0-9+.-]*:\/\//i.test(source) || /^[\w.-]+@[\w.-]+:/.test(source) || isBare(source);
}

/** The newest commit of its main branch. Returns `into`. */
export function clone(source: string, into: string): string {
  // What the repository brings runs nothing here: no hooks, no filters of its own (those are configured where git runs, not in it).
  const { status, stderr, error } = spawnSync('git', ['clone', '--quiet', '--depth', '1', '--', source, into], {
    stdio: ['inherit', 'inherit', 'pipe'],
    encoding: 'utf8',
  });
  if (error !== undefined) throw new Failure(`clone "${source}" with git: ${because(error)} (is git installed?)`, { cause: error });
  if (status !== 0) throw new Failure(`clone "${source}" with git:\n${stderr.trimEnd().replaceAll(/^/gm, '  ')}`);
  return into;
}

function isBare(source: string): boolean {
  return existsSync(join(source, 'HEAD')) && existsSync(join(source, 'objects')) && existsSync(join(source, 'refs'));
}
