// The base root filesystem of sandboxes: the host's /usr (or another directory's), read-only, under a generated minimal root.
import {
  accessSync,
  constants,
  copyFileSync,
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import type { Runtime } from '../../runtime/runtime.ts';

/** Directories on which something is mounted, or that a lambda finds empty. */
const directories = ['usr', 'proc', 'dev', 'private', 'handler', 'packages', 'rehearsal', 'runtime', 'etc', 'run', 'var'];
const links: readonly (readonly [string, string])[] = [
  ['tmp', 'private/tmp'],
  ['host', 'private/host'],
  ['var/tmp', '/private/tmp'],
];
/** Copied from the base's /etc where it has them: what the loader and libc need. */
const copiedEtc = [
  'ld.so.cache',
  'ld.so.conf',
  'ld.so.conf.d',
  'localtime',
  'alternatives',
  'ssl/certs/ca-certificates.crt',
  'ssl/openssl.cnf',
  'mime.types',
  'protocols',
  'services',
];

/**
 * Writes the generated part into `target`, anew. `base` is the directory that takes the place of `/`: its /usr is mounted later, its /etc is
 * copied in part. Throws where it has no /usr, or where nothing can be executed in `target`. All of it belongs to root and is mounted read-only.
 */
export function buildRoot(target: string, base: string, runtimes: readonly Runtime[]): void {
  statSync(join(base, 'usr'));
  rmSync(target, { recursive: true, force: true });
  layOut(target, base, directories);
  for (const [name, to] of links) symlinkSync(to, join(target, name));
  placeRuntimes(target, runtimes);
  accessSync(join(target, 'runtime/guest.so'), constants.X_OK); // it can be on no file system that is mounted noexec
}

/** These directories, an /etc, and what in the base leads into its /usr. */
export function layOut(target: string, base: string, names: readonly string[]): void {
  for (const d of names) mkdirSync(join(target, d), { mode: 0o755, recursive: true });
  for (const name of ['bin', 'sbin', 'lib', 'lib32', 'lib64', 'libx32']) {
    const path = join(base, name);
    if (existsSync(path) && lstatSync(path).isSymbolicLink()) symlinkSync(readlinkSync(path), join(target, name));
  }
  buildEtc(join(target, 'etc'), join(base, 'etc'));
}

/** The files of all runtimes, and files for what is mounted on files. */
export function placeRuntimes(target: string, runtimes: readonly Runtime[]): void {
  for (const { files, program } of runtimes) {
    for (const [from, to] of files) copyFileSync(from, placed(target, to));
    for (const [, to] of program.mounts) writeFileSync(placed(target, to), ''); // what a file is mounted on has to be one
  }
}

function placed(target: string, path: string): string {
  const at = join(target, path);
  mkdirSync(dirname(at), { recursive: true });
  return at;
}

function buildEtc(etc: string, from: string): void {
  writeFileSync(
    join(etc, 'passwd'),
    'root:x:0:0:root:/:/usr/sbin/nologin\nlambda:x:1000:1000:lambda:/tmp:/bin/sh\nnobody:x:65534:65534:nobody:/:/usr/sbin/nologin\n',
  );
  writeFileSync(join(etc, 'group'), 'root:x:0:\nlambda:x:1000:\nnogroup:x:65534:\n');
  writeFileSync(join(etc, 'hosts'), '127.0.0.1 localhost sandbox\n::1 localhost\n');
  writeFileSync(join(etc, 'hostname'), 'sandbox\n');
  writeFileSync(join(etc, 'nsswitch.conf'), 'passwd: files\ngroup: files\nhosts: files dns\n');
  mkdirSync(join(etc, 'ssl/certs'), { recursive: true });
  for (const name of copiedEtc) {
    const source = join(from, name);
    // Links are kept as they are: they lead into /usr, or nowhere.
    if (existsSync(source)) cpSync(source, join(etc, name), { recursive: true, verbatimSymlinks: true });
  }
}
