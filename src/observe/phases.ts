// The phases of one request: named, consecutive spans of wall time, so that their sum is the wall time by construction.

export type Phase = readonly [name: string, ms: number];

/** A stopwatch that is always in exactly one phase. Times are milliseconds of performance.now() (CLOCK_MONOTONIC). */
export class Phases {
  readonly #done: Phase[] = [];
  #from: number;

  constructor(from: number) {
    this.#from = from;
  }

  /** Ends the phase that began at the last mark; `at` before that mark counts as the mark itself. */
  mark(name: string, at: number = performance.now()): void {
    const end = Math.max(at, this.#from);
    this.#done.push([name, end - this.#from]);
    this.#from = end;
  }

  get list(): readonly Phase[] {
    return this.#done;
  }

  /** The value of a Server-Timing header: `queue;dur=0.012, handler;dur=1.204`, in milliseconds. */
  header(): string {
    let text = '';
    for (const [name, ms] of this.#done) text += `${text === '' ? '' : ', '}${name};dur=${ms.toFixed(3)}`;
    return text;
  }
}
