// The code that is on this node: one immutable directory per digest, `<dir>/<sha256 hex>`, put there by one rename, and beside them
// `<dir>/names/<lambda>`, links that tell which digest a lambda has. Owned by one worker at a time; used by the registries.
//
// A directory is removed as soon as both hold: no lambda's name points at it (its code was replaced, or its entry is gone from the registry),
// and nobody retains it. Not before the next turn of the event loop, though, so that whoever was just given a digest can retain it in time.
// Names outlive the process: at the next start, what they point at is reused, and what none points at is removed.

import { randomUUID } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readdirSync, renameSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import { Names } from './names.ts';
import type { UnpackPool } from './unpack-pool.ts';

export interface StoreOptions {
  /** Made if it is missing. */
  readonly dir: string;
  /** Removes directories. Closed after the store. */
  readonly pool: UnpackPool;
}

const digestPattern = /^[0-9a-f]{64}$/;
const temporaryPrefix = 'tmp-';

export class Store {
  readonly dir: string;
  readonly #pool: UnpackPool;
  /** What is there whole, and how many hold it. */
  readonly #holders = new Map<string, { names: number; retained: number }>();
  readonly #names: Names;
  readonly #work = new Set<Promise<void>>();

  /** Takes over what an earlier run left, and begins to remove what it left unfinished. */
  constructor({ dir, pool }: StoreOptions) {
    this.dir = dir;
    this.#pool = pool;
    this.#names = new Names(join(dir, 'names'));
    for (const name of readdirSync(dir)) {
      if (digestPattern.test(name)) this.#holders.set(name, { names: 0, retained: 0 });
      else if (name.startsWith(temporaryPrefix)) this.#remove(join(dir, name));
    }
    for (const [lambda, digest] of this.#names.entries()) {
      const holder = this.#holders.get(digest);
      if (holder === undefined) this.#names.delete(lambda);
      else holder.names += 1;
    }
    this.#saveNames();
    for (const digest of this.#holders.keys()) this.#consider(digest);
  }

  path(digest: string): string {
    return join(this.dir, digest);
  }

  has(digest: string): boolean {
    return this.#holders.has(digest);
  }

  /** A new empty directory on the store's file system, to be given to publish() or discard(). */
  temporary(): string {
    const dir = this.#temporaryPath();
    mkdirSync(dir, 0o700);
    return dir;
  }

  /** Makes what is in `temporary` the store's directory for `digest`, unless it has one. */
  publish(temporary: string, digest: string): void {
    chmodSync(temporary, 0o755);
    try {
      renameSync(temporary, this.path(digest));
    } catch (error) {
      if (!existsSync(this.path(digest))) throw error;
      void this.discard(temporary); // its end is awaited by close()
    }
    if (!this.has(digest)) this.#holders.set(digest, { names: 0, retained: 0 });
  }

  /** Removes a directory that temporary() gave, also while a thread that is being ended still writes into it. */
  discard(temporary: string): Promise<void> {
    try {
      rmdirSync(temporary);
      return Promise.resolve();
    } catch {
      const gone = this.#temporaryPath();
      renameSync(temporary, gone); // from here on its old path makes nothing
      return this.#remove(gone);
    }
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
  async settled(): Promise<void> {
    while (this.#work.size > 0) await Promise.all(this.#work);
  }

  close(): Promise<void> {
    return this.settled();
  }

  #temporaryPath(): string {
    return join(this.dir, `${temporaryPrefix}${randomUUID()}`);
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
    this.#later(async () => {
      if (!this.#isGarbage(digest)) return;
      const gone = this.#temporaryPath();
      renameSync(this.path(digest), gone); // at once, so that half of it never counts as present
      this.#holders.delete(digest);
      await this.#pool.remove(gone);
    });
  }

  #isGarbage(digest: string): boolean {
    const holder = this.#holders.get(digest);
    return holder !== undefined && holder.names === 0 && holder.retained === 0;
  }

  #remove(dir: string): Promise<void> {
    return this.#track(this.#pool.remove(dir));
  }

  #saveNames(): void {
    this.#later(async () => this.#names.save(() => this.#temporaryPath()));
  }

  /** In the next turn of the event loop. */
  #later(work: () => Promise<void>): void {
    const turn = new Promise<void>((resolve) => {
      setImmediate(resolve);
    });
    void this.#track(turn.then(work));
  }

  /** Failures end here: what could not be removed is removed at the next start, and names may be lost. */
  #track(work: Promise<void>): Promise<void> {
    const tracked = work.catch(() => undefined).finally(() => this.#work.delete(tracked));
    this.#work.add(tracked);
    return tracked;
  }
}
