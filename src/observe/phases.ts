// The phases of one request: named, consecutive spans of wall time, so that their sum is the wall time by construction.

export type Phase = readonly [name: string, ms: number];

/** A stopwatch that is always in exactly one phase. Times are milliseconds of performance.now() (CLOCK_MONOTONIC). */
export class Phases {
  /** Of the phases that have ended; `lengths` has their milliseconds. Two lists of what costs nothing, where pairs would be garbage of every request. */
  readonly names: string[] = [];
  readonly lengths: number[] = [];
  #from: number;

  constructor(from: number) {
    this.#from = from;
  }

  /** Ends the phase that began at the last mark; `at` before that mark counts as the mark itself. */
  mark(name: string, at: number = performance.now()): void {
    const end = Math.max(at, this.#from);
    this.names.push(name);
    this.lengths.push(end - this.#from);
    this.#from = end;
  }

  /** What has passed since the last mark belongs to the phase that ended there. Gives the end: the phases sum to the time until then. */
  end(): number {
    const now = performance.now();
    const last = this.lengths.length - 1;
    if (last >= 0) this.lengths[last] = (this.lengths[last] ?? 0) + now - this.#from;
    this.#from = now;
    return now;
  }

  get list(): readonly Phase[] {
    return this.names.map((name, i) => [name, this.lengths[i] ?? 0]);
  }

  /** The value of a Server-Timing header: `queue;dur=0.012, handler;dur=1.204`, in milliseconds. */
  header(): string {
    let text = '';
    for (let i = 0; i < this.names.length; i++) text += `${i === 0 ? '' : ', '}${this.names[i]};dur=${this.lengths[i]?.toFixed(3)}`;
    return text;
  }
}
