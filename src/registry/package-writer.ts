// Writes one package into a fresh directory that nobody else writes to. Node has no openat2, so safety comes from a map of what was made:
// every component of a path is looked up there, and only directories made here are gone through.
import {
  chmodSync,
  closeSync,
  constants,
  fchmodSync,
  futimesSync,
  linkSync,
  mkdirSync,
  openSync,
  statSync,
  symlinkSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { entryFile, type PackageLimits } from './limits.ts';
import { checkSymlink } from './member-path.ts';
import { quoted, Refusal } from './refusal.ts';

type Kind = 'directory' | 'file' | 'symbolic link';

export interface FileTraits {
  readonly executable: boolean;
  /** Seconds since 1970. Kept, because a .pyc that came with the package is valid only with its source's time. */
  readonly mtime: number;
}

/**
 * Paths are those of memberPath(). Modes are 0755 and 0644 only: setuid, setgid, sticky and write bits of the package are dropped. Later
 * members replace earlier ones of the same kind, as tar does. Directories keep the time of their making: Python caches a listing by that
 * time, and a process that saw one package at /handler must notice that another took its place.
 */
export class PackageWriter {
  readonly #root: string;
  readonly #limits: PackageLimits;
  readonly #made = new Map<string, Kind>([['', 'directory']]);
  #open: { readonly fd: number; readonly traits: FileTraits } | undefined;

  constructor(root: string, limits: PackageLimits) {
    this.#root = root;
    this.#limits = limits;
  }

  directory(path: string): void {
    const kind = this.#made.get(path);
    if (kind === 'directory') return;
    if (kind !== undefined) throw new Refusal(`is a directory, but an earlier member of this name is a ${kind}`, path);
    this.#place(path, 'directory');
    mkdirSync(this.#at(path), 0o755);
    chmodSync(this.#at(path), 0o755); // past the umask, and off with a setgid bit from above
  }

  /** Begins a file; write() and endFile() follow. */
  file(path: string, traits: FileTraits): void {
    this.#place(path, 'file');
    const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
    this.#open = { fd: openSync(this.#at(path), flags, 0o600), traits };
  }

  write(chunk: Uint8Array): void {
    if (this.#open === undefined) throw new Error('write to a package: no file is open');
    for (let done = 0; done < chunk.length; ) done += writeSync(this.#open.fd, chunk, done);
  }

  endFile(): void {
    if (this.#open === undefined) return;
    const { fd, traits } = this.#open;
    fchmodSync(fd, traits.executable ? 0o755 : 0o644);
    futimesSync(fd, traits.mtime, traits.mtime);
    this.close();
  }

  symlink(path: string, target: string): void {
    checkSymlink(path, target, this.#limits);
    this.#place(path, 'symbolic link');
    symlinkSync(target, this.#at(path));
  }

  /** A second name for the file that an earlier member made at `target`. */
  hardlink(path: string, target: string): void {
    const kind = this.#made.get(target);
    if (kind !== 'file' || path === target) throw new Refusal('is a hard link to something that is no earlier file of the package', path);
    this.#place(path, 'file');
    linkSync(this.#at(target), this.#at(path));
  }

  /** Refuses the package if nothing in it can be called: that is at its root. Following links is safe here: none leads out. */
  finish(): void {
    const atRoot = [...this.#made.keys()].filter((path) => !path.includes('/'));
    if (atRoot.some((path) => isFile(this.#at(path)))) return;
    const folder = [...this.#made.keys()].find((path) => path.endsWith(`/${entryFile}`) && path.split('/').length === 2);
    const hint = folder === undefined ? '' : ` (there is ${quoted(folder)}: its members belong at the root)`;
    throw new Refusal(`it has no file at its root${hint}`);
  }

  /** Closes the file that is open, if any. */
  close(): void {
    if (this.#open === undefined) return;
    const { fd } = this.#open;
    this.#open = undefined;
    closeSync(fd);
  }

  /** Makes room for a new `kind` at `path`: its parents exist as directories, and an earlier one of the same kind is gone. */
  #place(path: string, kind: Kind): void {
    const earlier = this.#made.get(path);
    if (earlier !== undefined && earlier !== kind) {
      throw new Refusal(`is a ${kind}, but ${path === '' ? "the package's root" : 'an earlier member of this name'} is a ${earlier}`, path);
    }
    if (earlier !== undefined) {
      unlinkSync(this.#at(path));
      return;
    }
    const slash = path.lastIndexOf('/');
    if (slash !== -1) this.#parent(path.slice(0, slash), path);
    if (this.#made.size > this.#limits.entries) throw new Refusal(`it has more than ${this.#limits.entries} entries`);
    this.#made.set(path, kind);
  }

  #parent(path: string, member: string): void {
    const kind = this.#made.get(path);
    if (kind === undefined) this.directory(path);
    else if (kind !== 'directory') throw new Refusal(`goes through ${quoted(path)}, which is a ${kind}`, member);
  }

  #at(path: string): string {
    return join(this.#root, path);
  }
}

function isFile(path: string): boolean {
  try {
    return statSync(path).isFile();
  } catch {
    return false; // not there, or links that go in circles
  }
}
