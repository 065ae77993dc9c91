// How often and how soon a remote registry is asked again.
import { setTimeout } from 'node:timers/promises';
import { Failed } from './failed.ts';

export interface RetryPolicy {
  readonly attempts: number;
  /** Milliseconds before the second attempt; doubled each time, up to `mostMs`. */
  readonly firstMs: number;
  readonly mostMs: number;
  /** No attempt begins later than so many milliseconds after the first. */
  readonly withinMs: number;
}

export interface Retrying {
  readonly policy: RetryPolicy;
  /** Of all attempts. */
  readonly signal: AbortSignal;
  /** An attempt has failed, and there may be another. */
  onFailed(failed: Failed): void;
}

/** The first success, or the last failure. */
export async function retrying<T>(attempt: () => Promise<T>, { policy, signal, onFailed }: Retrying): Promise<T> {
  const began = performance.now();
  for (let failures = 1; ; failures += 1) {
    try {
      return await attempt();
    } catch (error) {
      if (!(error instanceof Failed) || signal.aborted) throw error;
      onFailed(error);
      const pause = pauseMs(policy, { failures, afterMs: error.afterMs, random: Math.random() });
      if (!error.again || failures >= policy.attempts || performance.now() - began + pause > policy.withinMs) throw error;
      await setTimeout(pause, undefined, { signal });
    }
  }
}

/** Half of it is chance, so that those who failed together do not come again together. */
export function pauseMs(
  { firstMs, mostMs }: Pick<RetryPolicy, 'firstMs' | 'mostMs'>,
  { failures, afterMs, random }: { readonly failures: number; readonly afterMs: number; readonly random: number },
): number {
  const full = Math.min(mostMs, firstMs * 2 ** (failures - 1));
  return Math.max(afterMs, (full / 2) * (1 + random));
}

/** Milliseconds of a Retry-After: seconds or a date. */
export function retryAfterMs(value: string | undefined, now: number): number {
  if (value === undefined) return 0;
  const ms = /^\d+$/.test(value) ? Number(value) * 1000 : Date.parse(value) - now;
  return Number.isNaN(ms) ? 0 : Math.max(0, ms);
}
