// The code of one lambda as the registry has it: looked at at most once a window, under traffic in time for no call to wait for that.
import { asWorkerError, type WorkerError } from '../errors.ts';
import type { Resolved } from '../registry/registry.ts';
import { isPassing } from '../registry/source-of-code.ts';

export interface CodeWatchOptions {
  /** As CodeRegistry.resolve. */
  resolve(known: Resolved | undefined): Resolved | Promise<Resolved>;
  /** For how long code is used unchecked. */
  readonly cacheMs: number;
  /** There is code, or other code, or none any more. The digest differs from the one before. */
  onCode(code: Resolved | undefined): void;
  /** There may be other code, and this node cannot store it: what it has goes on. Once until it can. */
  onUnstored(error: WorkerError): void;
}

export class CodeWatch {
  readonly #options: CodeWatchOptions;
  #code: Resolved | undefined;
  #checkedAt = Number.NEGATIVE_INFINITY;
  #looking: Promise<void> | undefined;
  #looksSoon = false;
  #isUnstored = false;
  #closed = false;

  constructor(options: CodeWatchOptions) {
    this.#options = options;
  }

  get isLooking(): boolean {
    return this.#looking !== undefined;
  }

  /** Whether the code can be used unchecked. In the second half of its window it is looked at again, in a moment. */
  get isFresh(): boolean {
    const { cacheMs } = this.#options;
    const age = performance.now() - this.#checkedAt;
    if (age >= cacheMs) return false;
    if (age > cacheMs / 2 && !this.#looksSoon) this.#lookSoon();
    return true;
  }

  /** Looks if it has not for so long, ms. What is wrong is found at the next call. */
  async tend(ms: number): Promise<void> {
    if (performance.now() - this.#checkedAt < ms) return;
    try {
      await this.look();
    } catch {
      // told to the next call
    }
  }

  /**
   * Looks now, with a Promise when that takes more than a moment. Throws or rejects with a WorkerError; but when the registry is down, code that is on the
   * node keeps serving, and is used unchecked for another window.
   */
  look(): Promise<void> | undefined {
    if (this.#looking !== undefined) return this.#looking;
    let found: Resolved | Promise<Resolved>;
    try {
      found = this.#options.resolve(this.#code);
    } catch (error) {
      this.#missed(error);
      return undefined;
    }
    if (!(found instanceof Promise)) {
      this.#found(found);
      return undefined;
    }
    this.#looking = found
      .finally(() => (this.#looking = undefined))
      .then(
        (code) => this.#found(code),
        (error: unknown) => this.#missed(error),
      );
    this.#looking.catch(() => {}); // told to whoever waits for it, if anybody does
    return this.#looking;
  }

  /** What is found from now on is nobody's business. */
  close(): void {
    this.#closed = true;
    this.#set(undefined);
  }

  #lookSoon(): void {
    this.#looksSoon = true;
    setImmediate(() => {
      void this.tend(this.#options.cacheMs / 2).finally(() => (this.#looksSoon = false));
    });
  }

  #found(code: Resolved): void {
    if (this.#closed) return;
    this.#checkedAt = performance.now();
    this.#isUnstored = false;
    this.#set(code);
  }

  #missed(cause: unknown): void {
    const error = asWorkerError(cause);
    if (isPassing(error) && this.#code !== undefined) {
      if (error.code === 'store-failed' && !this.#isUnstored) this.#options.onUnstored(error);
      this.#isUnstored = error.code === 'store-failed';
      this.#checkedAt = performance.now();
      return;
    }
    this.#checkedAt = Number.NEGATIVE_INFINITY;
    if (error.code === 'lambda-unknown') this.#set(undefined);
    throw error;
  }

  #set(code: Resolved | undefined): void {
    const old = this.#code;
    this.#code = code;
    if (old?.digest !== code?.digest) this.#options.onCode(code);
  }
}
