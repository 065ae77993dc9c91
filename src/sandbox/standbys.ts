// The standbys that wait for a lambda, whatever they are made of, and when more of them are made.
import {
  type Bursts,
  longestStartMs,
  noBursts,
  quietMs,
  type StandbyRange,
  standbysToBegin,
  standbyTarget,
  withColdStart,
} from './refill.ts';

export interface Standby {
  close(): Promise<void>;
}

export interface StandbysOptions<T extends Standby> {
  readonly range: StandbyRange;
  /** Cold starts that are under way: for their sake none is begun. */
  starting(): number;
  /** Begins a standby, or returns undefined when none can be begun now. `ready` is to be called when it waits. */
  begin(ready: () => void): T | undefined;
  /** It is quiet: time for whatever else is made in reserve. */
  onQuiet(): void;
}

export class Standbys<T extends Standby> {
  readonly #options: StandbysOptions<T>;
  readonly #ready: T[] = [];
  readonly #coming = new Set<T>();
  #quiet: NodeJS.Timeout | undefined;
  /** Until the last cold start counts no more, answered or not. */
  #long: NodeJS.Timeout | undefined;
  #bursts: Bursts = noBursts;

  constructor(options: StandbysOptions<T>) {
    this.#options = options;
  }

  get count(): number {
    return this.#ready.length;
  }

  /** A sandbox is wanted: so many standbys will be kept as would have done for what was wanted at once. */
  noteColdStart(): void {
    this.#bursts = withColdStart(this.#bursts, performance.now());
    if (this.#long === undefined) this.#long = setTimeout(() => this.#refill(), longestStartMs + 2);
    else this.#long.refresh();
  }

  /** Being made. */
  get coming(): number {
    return this.#coming.size;
  }

  /** The newest that takes its lambda: its memory is the warmest. Those that do not have ended, and are removed already. */
  take(takes: (standby: T) => boolean): T | undefined {
    let standby = this.#ready.pop();
    while (standby !== undefined && !takes(standby)) standby = this.#ready.pop();
    return standby;
  }

  /** It has died. */
  remove(standby: T): void {
    this.#coming.delete(standby);
    const at = this.#ready.indexOf(standby);
    if (at >= 0) this.#ready.splice(at, 1);
  }

  /** Ends those that wait. */
  clear(): void {
    for (const standby of [...this.#ready.splice(0), ...this.#coming]) void standby.close(); // reaped by its owner
  }

  /** Makes more when nothing has happened for a moment. */
  refillSoon(): void {
    if (this.#quiet === undefined) this.#quiet = setTimeout(() => this.#refill(), quietMs);
    else this.#quiet.refresh();
  }

  close(): void {
    clearTimeout(this.#quiet);
    clearTimeout(this.#long);
    this.clear();
  }

  #refill(): void {
    const { range, starting, begin, onQuiet } = this.#options;
    const target = standbyTarget(this.#bursts, range, performance.now());
    if (starting() === 0) onQuiet();
    const view = { ready: this.#ready.length, coming: this.#coming.size, starting: starting(), target };
    for (let n = standbysToBegin(view); n > 0; n--) {
      const standby = begin(() => {
        if (standby !== undefined && this.#coming.delete(standby)) this.#ready.push(standby);
      });
      if (standby === undefined) return;
      this.#coming.add(standby);
    }
  }
}
