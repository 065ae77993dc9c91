// The code that is on this node: one immutable directory per digest, `<dir>/<sha256 hex>`, put there by one rename, and beside them
// `<dir>/names/<lambda>`, links that tell which digest a lambda has. Owned by one worker at a time; used by the registries.
//
// A directory is removed as soon as both hold: no lambda's name points at it (its code was replaced, or its entry is gone from the registry),
// and nobody retains it. Not before the next turn of the event loop, though, so that whoever was just given a digest can retain it in time.
// Names outlive the process: at the next start, what they point at is reused, and what none points at is removed.

import { chmodSync } from 'node:fs';
import { join } from 'node:path';
import { Directories } from './directories.ts';
import { Names } from './names.ts';
import type { UnpackPool } from './unpack-pool.ts';

export interface StoreOptions {
  /** Made if it is missing. */
  readonly dir: string;
  /** Removes directories. Closed after the store. */
  readonly pool: UnpackPool;
}

export class Store {
  readonly dir: string;
  readonly #directories: Directories;
  /** What is there whole, and how many hold it. */
  readonly #holders = new Map<string, { names: number; retained: number }>();
  readonly #names: Names;

  /** Takes over what an earlier run left, and begins to remove what it left unfinished. */
  constructor({ dir, pool }: StoreOptions) {
    this.dir = dir;
    this.#names = new Names(join(dir, 'names'));
    this.#directories = new Directories(dir, pool);
    for (const digest of this.#directories.list()) this.#holders.set(digest, { names: 0, retained: 0 });
    for (const [lambda, digest] of this.#names.entries()) {
      const holder = this.#holders.get(digest);
      if (holder === undefined) this.#names.delete(lambda);
      else holder.names += 1;
    }
    this.#saveNames();
    for (const digest of this.#holders.keys()) this.#consider(digest);
  }

  path(digest: string): string {
    return this.#directories.path(digest);
  }

  has(digest: string): boolean {
    return this.#holders.has(digest);
  }

  /** A new empty directory on the store's file system, to be given to publish() or discard(). */
  temporary(): string {
    return this.#directories.temporary();
  }

  /** Makes what is in `temporary` the store's directory for `digest`, unless it has one. */
  publish(temporary: string, digest: string): void {
    chmodSync(temporary, 0o755);
    this.#directories.publish(temporary, digest);
    if (!this.has(digest)) this.#holders.set(digest, { names: 0, retained: 0 });
  }

  /** Removes a directory that temporary() gave, also while a thread that is being ended still writes into it. */
  discard(temporary: string): Promise<void> {
    return this.#directories.discard(temporary);
  }

  /** The lambda's code is `digest` from now on. */
  bind(lambda: string, digest: string): void {
    const old = this.#names.get(lambda);
    if (old === digest) return;
    const holder = this.#holder(digest);
    this.#names.set(lambda, digest);
    holder.names += 1;
    this.#saveNames();
    if (old !== undefined) this.#unname(old);
  }

  /** The lambda is gone. */
  unbind(lambda: string): void {
    const old = this.#names.get(lambda);
    if (old === undefined) return;
    this.#names.delete(lambda);
    this.#saveNames();
    this.#unname(old);
  }

  bound(lambda: string): string | undefined {
    return this.#names.get(lambda);
  }

  /** Keeps the directory until as many release(). Throws if it is not there: whoever holds no name and no reference came too late. */
  retain(digest: string): void {
    this.#holder(digest).retained += 1;
  }

  release(digest: string): void {
    const holder = this.#holder(digest);
    if (holder.retained === 0) throw new Error(`release ${digest}: it is not retained`);
    holder.retained -= 1;
    this.#consider(digest);
  }

  /** Resolves when nothing is being removed, nor about to be. */
  settled(): Promise<void> {
    return this.#directories.settled();
  }

  close(): Promise<void> {
    return this.settled();
  }

  #holder(digest: string): { names: number; retained: number } {
    const holder = this.#holders.get(digest);
    if (holder === undefined) throw new Error(`hold ${digest}: it is not in the store`);
    return holder;
  }

  #unname(digest: string): void {
    this.#holder(digest).names -= 1;
    this.#consider(digest);
  }

  #consider(digest: string): void {
    if (!this.#isGarbage(digest)) return;
    this.#directories.later(async () => {
      if (!this.#isGarbage(digest)) return;
      const removed = this.#directories.remove(digest);
      this.#holders.delete(digest);
      await removed;
    });
  }

  #isGarbage(digest: string): boolean {
    const holder = this.#holders.get(digest);
    return holder !== undefined && holder.names === 0 && holder.retained === 0;
  }

  #saveNames(): void {
    this.#directories.later(async () => this.#names.save(() => this.#directories.temporaryPath()));
  }
}
