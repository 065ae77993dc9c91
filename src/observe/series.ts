// What is counted by lambda, for as many lambdas as may have series; those used longest ago are folded into one.
import { starts } from './finished.ts';
import { Histogram } from './histogram.ts';

/** A lambda answers what it likes: beyond this many different statuses they are counted by class. */
const mostStatuses = 16;

export class Series {
  readonly lambda: string;
  /** By index of the start class in `starts`; the last is of requests that met no sandbox. */
  readonly latency: (Histogram | undefined)[] = new Array(starts.length + 1).fill(undefined);
  /** By status, or by class of status (1 to 9). */
  readonly statuses = new Map<number, number>();
  /** Statuses counted, and those of them that say that something went wrong. */
  requests = 0;
  failed = 0;
  bytesIn = 0;
  bytesOut = 0;

  constructor(lambda: string) {
    this.lambda = lambda;
  }

  histogram(start: number): Histogram {
    const known = this.latency[start];
    if (known !== undefined) return known;
    const made = new Histogram();
    this.latency[start] = made;
    return made;
  }

  countStatus(status: number, by = 1): void {
    const own = status < 10 || this.statuses.size < mostStatuses || this.statuses.has(status);
    const key = own ? status : Math.floor(status / 100);
    this.statuses.set(key, (this.statuses.get(key) ?? 0) + by);
    this.requests += by;
    if (status >= 400 || (status >= 4 && status < 10)) this.failed += by;
  }

  fold(other: Series): void {
    other.latency.forEach((histogram, start) => {
      if (histogram !== undefined) this.histogram(start).fold(histogram);
    });
    for (const [status, count] of other.statuses) this.countStatus(status, count);
    this.bytesIn += other.bytesIn;
    this.bytesOut += other.bytesOut;
  }
}

/** The series of all lambdas, at most `most`. */
export class SeriesTable {
  /** Of requests that belong to no lambda. */
  readonly none = new Series('');
  /** All that was counted for lambdas that have no series any more, so that sums over all never fall. No lambda has such a name. */
  readonly forgotten = new Series('(other)');
  readonly #most: number;
  /** In the order of their last use. */
  readonly #byLambda = new Map<string, Series>();
  #latest: Series | undefined;

  constructor(most: number) {
    this.#most = most;
  }

  get(lambda: string): Series | undefined {
    const series = this.#byLambda.get(lambda);
    if (series === undefined || series === this.#latest) return series;
    this.#byLambda.delete(lambda);
    this.#byLambda.set(lambda, series);
    this.#latest = series;
    return series;
  }

  has(lambda: string): boolean {
    return this.#byLambda.has(lambda);
  }

  /** For a lambda that has none. */
  make(lambda: string): Series {
    const [oldest] = this.#byLambda.values();
    if (oldest !== undefined && this.#byLambda.size >= this.#most) {
      this.#byLambda.delete(oldest.lambda);
      this.forgotten.fold(oldest);
    }
    const series = new Series(lambda);
    this.#byLambda.set(lambda, series);
    this.#latest = series;
    return series;
  }

  get size(): number {
    return this.#byLambda.size;
  }

  lambdas(): Iterable<Series> {
    return this.#byLambda.values();
  }

  /** Those, and what belongs to none of them. */
  *all(): Generator<Series> {
    yield* this.#byLambda.values();
    yield this.none;
    yield this.forgotten;
  }
}
