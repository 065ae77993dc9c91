// Directories that are there whole or not at all, `<dir>/<sha256 hex>`: put there by one rename, taken away by one. Owned by a store, and with it
// by one worker at a time; says nothing of how long one stays.
import { randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, renameSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import type { UnpackPool } from './unpack-pool.ts';

const digestPattern = /^[0-9a-f]{64}$/;
const temporaryPrefix = 'tmp-';

export class Directories {
  readonly dir: string;
  readonly #pool: UnpackPool;
  readonly #work = new Set<Promise<void>>();

  /** `dir` exists. Begins to remove what an earlier run left unfinished. */
  constructor(dir: string, pool: UnpackPool) {
    this.dir = dir;
    this.#pool = pool;
    for (const name of readdirSync(dir)) if (name.startsWith(temporaryPrefix)) this.#delete(join(dir, name));
  }

  /** The digests of what is there. */
  list(): readonly string[] {
    return readdirSync(this.dir).filter((name) => digestPattern.test(name));
  }

  path(digest: string): string {
    return join(this.dir, digest);
  }

  /** A new empty directory on the same file system, to be given to publish() or discard(). */
  temporary(): string {
    const dir = this.temporaryPath();
    mkdirSync(dir, 0o700);
    return dir;
  }

  /** Nothing is there yet; what is there when a worker starts is removed. */
  temporaryPath(): string {
    return join(this.dir, `${temporaryPrefix}${randomUUID()}`);
  }

  /** Makes what is in `temporary` the directory for `digest`, unless there is one. */
  publish(temporary: string, digest: string): void {
    try {
      renameSync(temporary, this.path(digest));
    } catch (error) {
      if (!existsSync(this.path(digest))) throw error;
      void this.discard(temporary); // its end is awaited by settled()
    }
  }

  /** Removes a directory that temporary() gave, also while a thread that is being ended still writes into it. */
  discard(temporary: string): Promise<void> {
    try {
      rmdirSync(temporary);
      return Promise.resolve();
    } catch {
      const gone = this.temporaryPath();
      renameSync(temporary, gone); // from here on its old path makes nothing
      return this.#delete(gone);
    }
  }

  /** From now on it is not there; resolves when its bytes are gone. */
  remove(digest: string): Promise<void> {
    const gone = this.temporaryPath();
    renameSync(this.path(digest), gone); // at once, so that half of it never counts as present
    return this.#delete(gone);
  }

  /** In the next turn of the event loop. */
  later(work: () => Promise<void>): void {
    const turn = new Promise<void>((resolve) => {
      setImmediate(resolve);
    });
    void this.#track(turn.then(work));
  }

  /** Resolves when nothing is being removed, nor about to be. */
  async settled(): Promise<void> {
    while (this.#work.size > 0) await Promise.all(this.#work);
  }

  #delete(dir: string): Promise<void> {
    return this.#track(this.#pool.remove(dir));
  }

  /** Failures end here: what could not be removed is removed at the next start, and what was to be written may be lost. */
  #track(work: Promise<void>): Promise<void> {
    const tracked = work.catch(() => undefined).finally(() => this.#work.delete(tracked));
    this.#work.add(tracked);
    return tracked;
  }
}
