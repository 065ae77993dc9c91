// Makes zygotes and takes them back: who has which host uids, and what is left to do for those that are gone.

import { join } from 'node:path';
import type { Program } from '../../runtime/runtime.ts';
import type { SandboxLimits } from '../sandbox.ts';
import type { Cgroups } from '../sock/cgroups.ts';
import type { Native } from '../sock/native.ts';
import type { UidRange } from '../sock/uids.ts';
import { type Confinement, Zygote } from './zygote.ts';

export interface NurseryOptions {
  readonly native: Native;
  readonly cgroups: Cgroups;
  readonly uids: UidRange;
  /** Holds the generated `root` and the empty directory `staging`. */
  readonly workerDir: string;
  readonly base: string;
  readonly limits: SandboxLimits;
  log(level: 'info' | 'warn' | 'error', text: string, detail?: unknown): void;
}

export interface ZygotePlan {
  readonly program: Program;
  /** Slots kept ready, and slots at most. */
  readonly reserve: number;
  readonly most: number;
  readonly confined: Confinement | undefined;
  /** What it writes; undefined: the worker's log. */
  readonly onLine: ((line: string) => void) | undefined;
  onServing(zygote: Zygote): void;
  onGone(zygote: Zygote, reason: string): void;
}

export class Nursery {
  readonly #options: NurseryOptions;
  readonly #closing = new Set<Promise<void>>();
  #made = 0;

  constructor(options: NurseryOptions) {
    this.#options = options;
  }

  /** Starts a zygote. Throws with what could not be done. */
  make({ program, reserve, most, confined, onLine, onServing, onGone }: ZygotePlan): Zygote {
    const { native, cgroups, uids, workerDir, base, limits, log } = this.#options;
    const size = most + 1;
    const first = uids.take(size);
    if (first === undefined) throw new Error(`start a zygote for ${most} sandboxes: this worker has not so many uids left`);
    try {
      const zygote: Zygote = new Zygote(
        {
          native,
          cgroups,
          name: `z${this.#made++}`,
          uids: { first, size },
          root: join(workerDir, 'root'),
          base,
          staging: join(workerDir, 'staging'),
          limits,
          program,
          reserve,
          most,
          confined,
          onLine: onLine ?? ((line) => log('warn', `zygote: ${line}`)),
          onGone: (reason) => onGone(zygote, reason),
        },
        () => onServing(zygote),
      );
      return zygote;
    } catch (cause) {
      uids.give(first, size);
      throw cause;
    }
  }

  /** Ends a zygote, in the background: its sandboxes live on, and what it had goes with the last of them. */
  retire(zygote: Zygote): void {
    const { uids, log } = this.#options;
    const closed = zygote.close().then(
      () => uids.give(zygote.uids.first, zygote.uids.size),
      (cause: unknown) => log('error', 'remove what a zygote had, ignoring', cause),
    );
    this.#closing.add(closed);
    void closed.then(() => this.#closing.delete(closed));
  }

  /** Resolves when those that were retired are gone. */
  async close(): Promise<void> {
    await Promise.all(this.#closing);
  }
}
