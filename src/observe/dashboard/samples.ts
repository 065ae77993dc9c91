// How the worker did in the last minutes, as often as somebody looked: what the page draws as lines.

/** Counts since the start, but for those that say otherwise. */
export interface Sample {
  /** Milliseconds of performance.now(). */
  readonly at: number;
  readonly requests: number;
  readonly errors: number;
  /** Now. */
  readonly inFlight: number;
  readonly queued: number;
  /** Processor time of the worker's process, in ms. */
  readonly cpuMs: number;
}

/** Ms: of two looks within less, as of two who look, the second makes no sample. */
const least = 900;
const keptFor = 300_000;

export class Samples {
  #kept: Sample[] = [];

  add(sample: Sample): void {
    const last = this.#kept.at(-1);
    if (last !== undefined && sample.at - last.at < least) return;
    this.#kept = this.#kept.filter(({ at }) => sample.at - at <= keptFor);
    this.#kept.push(sample);
  }

  since(at: number): readonly Sample[] {
    return this.#kept.filter((sample) => sample.at > at);
  }
}
