// The highest value of late of something that goes up and down.

export class RecentPeak {
  readonly #windowMs: number;
  #from = Number.NEGATIVE_INFINITY;
  #current = 0;
  #previous = 0;

  /** Looks back over one to two windows. */
  constructor(windowMs: number) {
    this.#windowMs = windowMs;
  }

  note(value: number, now: number): void {
    this.#roll(now);
    if (value > this.#current) this.#current = value;
  }

  at(now: number): number {
    this.#roll(now);
    return Math.max(this.#current, this.#previous);
  }

  #roll(now: number): void {
    const windows = (now - this.#from) / this.#windowMs;
    if (windows < 1) return;
    this.#previous = windows < 2 ? this.#current : 0;
    this.#current = 0;
    this.#from = now;
  }
}
