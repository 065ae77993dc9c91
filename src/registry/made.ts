// What has been made beneath a directory that nobody else writes to. Node has no openat2, so safety comes from this map: every component of a
// path is looked up here, only directories made here are gone through, and nothing is made but exclusively, so that a file system which takes
// two names for one cannot lead astray either.
import { chmodSync, constants, mkdirSync, openSync, unlinkSync, writeSync } from 'node:fs';
import { quoted, Refusal } from './refusal.ts';

export type Kind = 'directory' | 'file' | 'symbolic link';

/** Paths are those of relativePath(). */
export class Made {
  readonly #root: string;
  readonly #most: number;
  readonly #kinds = new Map<string, Kind>([['', 'directory']]);

  /** `root` exists and is empty; `most` is how many entries it may get. */
  constructor(root: string, most: number) {
    this.#root = root;
    this.#most = most;
  }

  at(path: string): string {
    return path === '' ? this.#root : `${this.#root}/${path}`;
  }

  kind(path: string): Kind | undefined {
    return this.#kinds.get(path);
  }

  /** All but the root, and the root. */
  get entries(): number {
    return this.#kinds.size;
  }

  paths(): Iterable<string> {
    return this.#kinds.keys();
  }

  /** Makes it, mode 0755, unless it is there. Those above it are made, too. */
  directory(path: string): void {
    if (this.#kinds.get(path) === 'directory') return;
    const at = this.place(path, 'directory');
    mkdirSync(at, 0o755);
    chmodSync(at, 0o755); // past the umask, and off with a setgid bit from above
  }

  /** Makes an empty file; its descriptor, which is the caller's. */
  file(path: string): number {
    return openSync(this.place(path, 'file'), constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW, 0o600);
  }

  /**
   * Makes room for a new `kind`, to be made by the caller, exclusively, at the path that is returned: the directories above are there, and an
   * earlier one of the same kind, if it is no directory, is gone. Later members replace earlier ones of the same kind, as with tar.
   */
  place(path: string, kind: Kind): string {
    const earlier = this.#kinds.get(path);
    if (earlier !== undefined && (earlier !== kind || kind === 'directory')) {
      throw new Refusal(`is a ${kind}, but ${path === '' ? 'its root' : 'an earlier member of this name'} is a ${earlier}`, path);
    }
    if (earlier !== undefined) {
      unlinkSync(this.at(path));
      return this.at(path);
    }
    const slash = path.lastIndexOf('/');
    if (slash !== -1) this.#parent(path.slice(0, slash), path);
    if (this.#kinds.size > this.#most) throw new Refusal(`it has more than ${this.#most} entries`);
    this.#kinds.set(path, kind);
    return this.at(path);
  }

  #parent(path: string, member: string): void {
    const kind = this.#kinds.get(path);
    if (kind === undefined) this.directory(path);
    else if (kind !== 'directory') throw new Refusal(`goes through ${quoted(path)}, which is a ${kind}`, member);
  }
}

export function writeAll(fd: number, chunk: Uint8Array): void {
  for (let done = 0; done < chunk.length; ) done += writeSync(fd, chunk, done);
}
