// Makes the .tar.gz of a directory, with tar(1): the same bytes for the same code, without times, owners, or the history in .git.
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { because, Failure } from '../failure.ts';

export interface PackOptions {
  /** A directory for what is made. */
  readonly into: string;
  /** Files that take the place of what the directory has under these names. */
  readonly given: Readonly<Record<string, string | undefined>>;
}

const reproducible = ['--sort=name', '--mtime=@0', '--owner=0', '--group=0', '--numeric-owner'];

/** The path of the archive. */
export function pack(dir: string, { into, given }: PackOptions): string {
  const [archive, extra] = [join(into, 'code.tar.gz'), join(into, 'given')];
  mkdirSync(extra);
  const names = Object.entries(given).flatMap(([name, file]) => {
    if (file === undefined) return [];
    if (existsSync(join(dir, name))) process.stdout.write(`${name}: "${file}" takes the place of the one that is there\n`);
    try {
      copyFileSync(file, join(extra, name));
    } catch (cause) {
      throw new Failure(`read "${file}" for ${name}: ${because(cause)}`, { cause });
    }
    return [name];
  });
  const left = ['.git', ...names].map((name) => `--exclude=./${name}`); // the given ones have no ./
  const args = [...reproducible, '--anchored', ...left, '-czf', archive, '-C', extra, ...names, '-C', dir, '.'];
  const { status, stderr, error } = spawnSync('tar', args, { encoding: 'utf8' });
  if (error !== undefined) throw new Failure(`pack "${dir}" with tar: ${because(error)} (is GNU tar installed?)`, { cause: error });
  if (status !== 0) throw new Failure(`pack "${dir}" with tar:\n${stderr.trimEnd().replaceAll(/^/gm, '  ')}`);
  return archive;
}
