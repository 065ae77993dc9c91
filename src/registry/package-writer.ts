// Writes one package into a fresh directory that nobody else writes to.
import { closeSync, fchmodSync, futimesSync, linkSync, statSync, symlinkSync } from 'node:fs';
import { entryFile, type PackageLimits } from './limits.ts';
import { Made, writeAll } from './made.ts';
import { checkSymlink } from './member-path.ts';
import { quoted, Refusal } from './refusal.ts';

export interface FileTraits {
  readonly executable: boolean;
  /** Seconds since 1970. Kept, because a .pyc that came with the package is valid only with its source's time. */
  readonly mtime: number;
}

/**
 * Paths are those of memberPath(). Modes are 0755 and 0644 only: setuid, setgid, sticky and write bits of the package are dropped. Directories
 * keep the time of their making: Python caches a listing by that time, and a process that saw one package at /handler must notice that another
 * took its place.
 */
export class PackageWriter {
  readonly #made: Made;
  readonly #limits: PackageLimits;
  #open: { readonly fd: number; readonly traits: FileTraits } | undefined;

  constructor(root: string, limits: PackageLimits) {
    this.#made = new Made(root, limits.entries);
    this.#limits = limits;
  }

  directory(path: string): void {
    this.#made.directory(path);
  }

  /** Begins a file; write() and endFile() follow. */
  file(path: string, traits: FileTraits): void {
    this.#open = { fd: this.#made.file(path), traits };
  }

  write(chunk: Uint8Array): void {
    if (this.#open === undefined) throw new Error('write to a package: no file is open');
    writeAll(this.#open.fd, chunk);
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
    symlinkSync(target, this.#made.place(path, 'symbolic link'));
  }

  /** A second name for the file that an earlier member made at `target`. */
  hardlink(path: string, target: string): void {
    if (this.#made.kind(target) !== 'file' || path === target) {
      throw new Refusal('is a hard link to something that is no earlier file of the package', path);
    }
    linkSync(this.#made.at(target), this.#made.place(path, 'file'));
  }

  /** Refuses the package if nothing in it can be called: that is at its root. Following links is safe here: none leads out. */
  finish(): void {
    const paths = [...this.#made.paths()];
    if (paths.some((path) => !path.includes('/') && isFile(this.#made.at(path)))) return;
    const folder = paths.find((path) => path.endsWith(`/${entryFile}`) && path.split('/').length === 2);
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
}

function isFile(path: string): boolean {
  try {
    return statSync(path).isFile();
  } catch {
    return false; // not there, or links that go in circles
  }
}
