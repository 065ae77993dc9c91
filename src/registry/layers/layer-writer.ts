// Writes one layer into a fresh directory that nobody else writes to.
import {
  chmodSync,
  chownSync,
  closeSync,
  fchmodSync,
  fchownSync,
  futimesSync,
  lchownSync,
  linkSync,
  lutimesSync,
  mkdirSync,
  symlinkSync,
  utimesSync,
} from 'node:fs';
import { Made, writeAll } from '../made.ts';
import { Refusal } from '../refusal.ts';
import { belowOf, treeOf, writeSize } from './layer-directory.ts';
import type { LayerLimits } from './layer-limits.ts';
import type { Whiteout } from './whiteout.ts';
import { WhiteoutDevices } from './whiteout-devices.ts';

export interface Traits {
  /** Permissions and the sticky bit. */
  readonly mode: number;
  /** As in the image. */
  readonly uid: number;
  readonly gid: number;
  /** Seconds since 1970. */
  readonly mtime: number;
}

/** About what a file, link or directory occupies beside its content. */
const entryBytes = 4096;

/** Paths are those of relativePath(). Directories that members only imply are root's, mode 0755. */
export class LayerWriter {
  readonly #layer: string;
  readonly #limits: LayerLimits;
  readonly #made: Made;
  /** Of directories: these are set last, since what is made in one changes its time. */
  readonly #traits = new Map<string, Traits>();
  readonly #hidden = new Set<string>();
  readonly #opaque = new Set<string>();
  #open: { readonly fd: number; readonly traits: Traits } | undefined;
  #fileBytes = 0;

  /** `layer` exists and is empty. */
  constructor(layer: string, limits: LayerLimits) {
    this.#layer = layer;
    this.#limits = limits;
    mkdirSync(treeOf(layer), 0o755);
    chmodSync(treeOf(layer), 0o755);
    this.#made = new Made(treeOf(layer), limits.entries);
  }

  get entries(): number {
    return this.#made.entries;
  }

  /** About what the layer occupies. */
  get bytes(): number {
    return this.#fileBytes + this.#made.entries * entryBytes;
  }

  directory(path: string, traits: Traits): void {
    this.#made.directory(path);
    this.#traits.set(path, traits);
  }

  /** Begins a file; write() and endFile() follow. */
  file(path: string, traits: Traits): void {
    this.#open = { fd: this.#made.file(path), traits };
  }

  write(chunk: Uint8Array): void {
    if (this.#open === undefined) throw new Error('write to a layer: no file is open');
    writeAll(this.#open.fd, chunk);
    this.#fileBytes += chunk.length;
  }

  endFile(): void {
    if (this.#open === undefined) return;
    const { fd, traits } = this.#open;
    fchownSync(fd, traits.uid, traits.gid);
    fchmodSync(fd, traits.mode);
    futimesSync(fd, traits.mtime, traits.mtime);
    this.close();
  }

  symlink(path: string, target: string, traits: Traits): void {
    const at = this.#made.place(path, 'symbolic link');
    symlinkSync(target, at);
    lchownSync(at, traits.uid, traits.gid);
    lutimesSync(at, traits.mtime, traits.mtime);
  }

  /** A second name for what an earlier member made at `target`. Should that be replaced later, this one stays what it is. */
  hardlink(path: string, target: string): void {
    const kind = this.#made.kind(target);
    if (kind === undefined || kind === 'directory' || path === target) {
      throw new Refusal('is a hard link to something that is no earlier file of the layer', path);
    }
    linkSync(this.#made.at(target), this.#made.place(path, kind));
  }

  /** What this layer itself has at that place stays, whichever comes first in it. */
  whiteout({ hides, path }: Whiteout): void {
    this.#made.directory(hides === 'all' ? path : above(path));
    (hides === 'all' ? this.#opaque : this.#hidden).add(path);
    if (this.#hidden.size + this.#opaque.size > this.#limits.entries) throw new Refusal(`it has more than ${this.#limits.entries} entries`);
  }

  /** Makes the whiteouts and sets what directories have. */
  finish(): void {
    const devices = new WhiteoutDevices();
    for (const path of this.#hidden) {
      const kind = this.#made.kind(path);
      if (kind === undefined) devices.make(this.#made.place(path, 'file'));
      else if (kind === 'directory') this.#opaque.add(path); // not the one below it: a new one
    }
    if (this.#opaque.size > 0) this.#makeBelow(devices);
    for (const [path, { uid, gid, mode, mtime }] of this.#traits) {
      const at = this.#made.at(path);
      chownSync(at, uid, gid);
      chmodSync(at, mode);
      utimesSync(at, mtime, mtime);
    }
    writeSize(this.#layer, this.bytes);
  }

  /** Closes the file that is open, if any. */
  close(): void {
    if (this.#open === undefined) return;
    const { fd } = this.#open;
    this.#open = undefined;
    closeSync(fd);
  }

  #makeBelow(devices: WhiteoutDevices): void {
    const below = belowOf(this.#layer);
    mkdirSync(below, 0o755);
    const made = new Made(below, this.#limits.entries);
    for (const path of this.#opaque) if (!isBelowOne(path, this.#opaque)) devices.make(made.place(path, 'file'));
  }
}

function above(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf('/')));
}

/** Whether a directory above `path` is among `directories`. */
function isBelowOne(path: string, directories: ReadonlySet<string>): boolean {
  for (let parent = above(path); parent !== ''; parent = above(parent)) if (directories.has(parent)) return true;
  return false;
}
