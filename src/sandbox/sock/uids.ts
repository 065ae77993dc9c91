// The host uids that this worker's sandboxes run under: a range of its own, so that two workers on one host never share one.
import { closeSync, mkdirSync, openSync } from 'node:fs';
import { join } from 'node:path';
import type { Native } from './native.ts';

/** High above what distributions give to people, services, subuid ranges (to 600,100,000) and systemd-nspawn (to 1,879,048,191). */
const firstUid = 2_000_000_000;
const rangeSize = 65_536;
const ranges = 256;
const directory = '/run/sock-worker';

interface Part {
  readonly first: number;
  readonly size: number;
}

/** The range belongs to whoever holds the lock of its file; the kernel lets go of it when that process ends, however it ends. */
export class UidRange {
  readonly size = rangeSize;
  readonly #lock: number;
  /** What nobody has, in order, no two of them adjacent. */
  #free: readonly Part[];

  private constructor(first: number, lock: number) {
    this.#free = [{ first, size: rangeSize }];
    this.#lock = lock;
  }

  static claim(native: Native): UidRange {
    mkdirSync(directory, { recursive: true, mode: 0o755 });
    for (let i = 0; i < ranges; i++) {
      const fd = openSync(join(directory, `uids-${i}.lock`), 'a', 0o600);
      if (native.lock(fd)) return new UidRange(firstUid + i * rangeSize, fd);
      closeSync(fd);
    }
    throw new Error(`claim a range of uids in ${directory}: all ${ranges} are in use by other workers`);
  }

  /** The first of `size` consecutive uids that nobody has, or undefined. */
  take(size: number): number | undefined {
    const part = this.#free.find((p) => p.size >= size);
    if (part === undefined) return undefined;
    const rest = { first: part.first + size, size: part.size - size };
    this.#free = this.#free.flatMap((p) => (p !== part ? [p] : rest.size > 0 ? [rest] : []));
    return part.first;
  }

  give(first: number, size: number): void {
    const parts = [...this.#free, { first, size }].sort((a, b) => a.first - b.first);
    const joined: Part[] = [];
    for (const part of parts) {
      const last = joined.at(-1);
      if (last !== undefined && last.first + last.size === part.first)
        joined[joined.length - 1] = { first: last.first, size: last.size + part.size };
      else joined.push(part);
    }
    this.#free = joined;
  }

  close(): void {
    closeSync(this.#lock);
  }
}
