// A registry that is spoken to over HTTP: `<base><name>.tar.gz`, else `<base><name>.py`. Used by lambda/; owns its connections.
//
// What fails on the way says nothing about the code, and is tried again. Who has code meanwhile is told at the first failure, or after `patienceMs`, and
// goes on with what is on the node; the look goes on for whoever asks next.
import { asWorkerError, WorkerError } from '../../errors.ts';
import { checkName } from '../entry.ts';
import { defaultLimits, type PackageLimits } from '../limits.ts';
import type { Resolved } from '../registry.ts';
import { type CodeRegistry, isPassing } from '../source-of-code.ts';
import type { Store } from '../store.ts';
import type { UnpackPool } from '../unpack-pool.ts';
import { unstored, unwrittenBy } from '../unstored.ts';
import { Client, type Waiting } from './client.ts';
import { Failed } from './failed.ts';
import { Fetching } from './fetching.ts';
import type { Remote } from './remote.ts';
import type { RetryPolicy } from './retrying.ts';

export interface Times extends Waiting, RetryPolicy {
  /** Milliseconds of a look with all its attempts, the download included. */
  readonly totalMs: number;
  /** After so many, or at the first failure, whoever has code goes on with it. Infinity: everybody waits for what comes of the look. */
  readonly patienceMs: number;
  /** For so many, a lambda that was not to be had is not looked for again. */
  readonly missMs: number;
}

export interface HttpRegistryOptions {
  readonly remote: Remote;
  readonly store: Store;
  readonly pool: UnpackPool;
  readonly limits?: PackageLimits;
  /** PEM certificates that are trusted beside the usual ones. */
  readonly ca?: string | undefined;
  readonly times?: Partial<Times>;
  warn(text: string, cause: unknown): void;
}

const usualTimes: Times = {
  connectMs: 5000,
  headMs: 10_000,
  stallMs: 10_000,
  attempts: 5,
  firstMs: 200,
  mostMs: 5000,
  withinMs: 15_000,
  totalMs: 600_000,
  patienceMs: 2000,
  missMs: 1000,
};
/** The suffix must fit into a file name, as in a directory. */
const longestName = 240;
/** Names can be made up by whoever calls. */
const mostMisses = 1000;
const warningEveryMs = 60_000;

interface Look {
  readonly result: Promise<Resolved>;
  /** Rejects when the first attempt has failed, or when it takes long. */
  readonly setback: Promise<never>;
  stop(reason: WorkerError): void;
}

interface Miss {
  readonly error: WorkerError;
  /** Milliseconds of performance.now(). */
  readonly until: number;
}

export class HttpRegistry implements CodeRegistry {
  readonly #options: HttpRegistryOptions;
  readonly #times: Times;
  readonly #client: Client;
  readonly #fetching: Fetching;
  readonly #looks = new Map<string, Look>();
  readonly #misses = new Map<string, Miss>();
  #warnedAt = Number.NEGATIVE_INFINITY;

  constructor(options: HttpRegistryOptions) {
    const { remote, store, pool, limits = defaultLimits, ca, times } = options;
    this.#options = options;
    this.#times = { ...usualTimes, ...times };
    this.#client = new Client({ ...this.#times, ca });
    this.#fetching = new Fetching({ remote, client: this.#client, store, pool, limits });
  }

  /** Those who ask for one name at once share one look: what they get may be as old as its beginning. */
  async resolve(name: string, known?: Resolved): Promise<Resolved> {
    checkName(name);
    if (name.length > longestName) throw new WorkerError('lambda-unknown');
    const kept = known ?? this.#fetching.kept(name);
    const miss = this.#misses.get(name);
    if (kept === undefined && miss !== undefined && performance.now() < miss.until) throw miss.error;
    const { result, setback } = this.#look(name);
    if (kept === undefined || this.#times.patienceMs === Number.POSITIVE_INFINITY) return result;
    try {
      const found = await Promise.race([result, setback]);
      return found.stamp === kept.stamp ? kept : found;
    } catch (error) {
      if (known === undefined && isPassing(asWorkerError(error))) return kept;
      throw error;
    }
  }

  /** Cuts what is under way. */
  async close(): Promise<void> {
    const looks = [...this.#looks.values()];
    for (const { stop } of looks) stop(new WorkerError('draining'));
    await Promise.allSettled(looks.map(({ result }) => result));
    await this.#client.close();
  }

  #look(name: string): Look {
    const underWay = this.#looks.get(name);
    if (underWay !== undefined) return underWay;
    const look = this.#begin(name);
    this.#looks.set(name, look);
    return look;
  }

  #begin(name: string): Look {
    const { totalMs, patienceMs } = this.#times;
    const stopping = new AbortController();
    const { signal } = stopping;
    const { remote, store } = this.#options;
    const total = setTimeout(
      () => stopping.abort(new Failed(remote.base, `it takes more than ${totalMs / 1000} s for a package`)),
      totalMs,
    );
    let fail = (_: WorkerError): void => {};
    const setback = new Promise<never>((_, reject) => (fail = reject));
    setback.catch(() => {}); // of interest only to those who have code
    const slow = new WorkerError('registry-unavailable', { detail: 'it takes long to answer' });
    const patience = patienceMs === Number.POSITIVE_INFINITY ? undefined : setTimeout(() => fail(slow), patienceMs);
    const result = this.#fetching
      .fetch(name, { policy: this.#times, signal, onFailed: (failed) => fail(told(failed, store.dir)) })
      .catch((error: unknown) => {
        throw told(signal.aborted ? signal.reason : error, store.dir);
      })
      .finally(() => {
        clearTimeout(total);
        clearTimeout(patience);
        this.#looks.delete(name);
      });
    result.then(
      () => this.#misses.delete(name),
      (error: WorkerError) => this.#failed(name, error),
    );
    return { result, setback, stop: (reason) => stopping.abort(reason) };
  }

  #failed(name: string, error: WorkerError): void {
    this.#misses.delete(name);
    this.#misses.set(name, { error, until: performance.now() + this.#times.missMs });
    for (const oldest of this.#misses.keys()) {
      if (this.#misses.size <= mostMisses) break;
      this.#misses.delete(oldest);
    }
    if (error.code !== 'registry-unavailable' || this.#fetching.kept(name) === undefined) return;
    if (performance.now() - this.#warnedAt < warningEveryMs) return;
    this.#warnedAt = performance.now();
    this.#options.warn(`look for newer code of "${name}": ${error.message}, ignoring: what is on the node goes on`, error.cause ?? error);
  }
}

function told(cause: unknown, store: string): WorkerError {
  if (cause instanceof Failed) return new WorkerError('registry-unavailable', { detail: cause.detail, cause });
  const unwritten = unwrittenBy(cause, store);
  if (unwritten !== undefined) return unstored(store, unwritten);
  return asWorkerError(cause);
}
