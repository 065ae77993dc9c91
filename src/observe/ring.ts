// The last requests, as many as were asked for; traces.ts shows them.
import type { Finished } from './finished.ts';

export class Ring {
  readonly #size: number;
  readonly #kept: Finished[] = [];
  #next = 0;

  /** `size` 0 keeps none. */
  constructor(size: number) {
    this.#size = size;
  }

  push(request: Finished): void {
    if (this.#size === 0) return;
    this.#kept[this.#next] = request;
    this.#next = (this.#next + 1) % this.#size;
  }

  /** Oldest first, as of now: what is pushed later is not in it. */
  list(): readonly Finished[] {
    return this.#kept.length < this.#size ? this.#kept.slice() : [...this.#kept.slice(this.#next), ...this.#kept.slice(0, this.#next)];
  }
}
