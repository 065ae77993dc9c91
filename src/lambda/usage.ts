// How a lambda is used: what its instances are worth to it, as far as eviction asks. Kept by its fleet.
import type { Candidate } from './eviction.ts';
import { RecentPeak } from './recent-peak.ts';

/** "Of late" is one to two of these. */
const demandWindowMs = 10_000;
/** Until a start has been measured. */
const guessedColdMs = 10;

export class Usage {
  readonly #busyOfLate = new RecentPeak(demandWindowMs);
  #uses = 0;
  #clock = 0;
  #coldMs: number | undefined;

  /** `needed`: the most instances that worked at a time of late. */
  get now(): Pick<Candidate, 'uses' | 'coldMs' | 'clock'> & { readonly needed: number } {
    return { uses: this.#uses, coldMs: this.#coldMs ?? guessedColdMs, clock: this.#clock, needed: this.#busyOfLate.at(performance.now()) };
  }

  /** A call was given to an instance; so many are at work now. */
  noteUse(busy: number): void {
    this.#uses++;
    this.#busyOfLate.note(busy, performance.now());
  }

  /** A start took so long, ms. */
  noteStart(ms: number): void {
    this.#coldMs = this.#coldMs === undefined ? ms : (3 * this.#coldMs + ms) / 4;
  }

  /** An instance has answered, at this time of the room's clock. */
  noteRest(clock: number): void {
    this.#clock = clock;
  }

  /** It has no instances any more. */
  reset(): void {
    this.#uses = 0;
  }
}
