// Which shared libraries of a program a sandbox would not find: those outside of /usr, as a Node has that brings its own.
import { execFileSync } from 'node:child_process';
import { realpathSync } from 'node:fs';

/** Absolute paths. Empty, too, where there is no ldd to tell: then the loader says what is missing, in the lambda's log. */
export function foreignLibraries(program: string): readonly string[] {
  try {
    return outsideUsr(execFileSync('ldd', [program], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }), realpathSync);
  } catch {
    return [];
  }
}

/** `said`: what ldd prints. */
export function outsideUsr(said: string, real: (path: string) => string): readonly string[] {
  const paths = [...said.matchAll(/ => (\/\S+)/g)].map(([, path = '']) => path);
  return paths.filter((path) => !real(path).startsWith('/usr/'));
}
