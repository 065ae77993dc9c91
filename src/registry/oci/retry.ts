// Tries again what may have failed in passing, after waits that double and that no two of many nodes share.
import { setTimeout } from 'node:timers/promises';
import { pauseMs } from '../http/retrying.ts';
import { ImageError, Transient } from './image-error.ts';

export interface RetryOptions {
  readonly signal: AbortSignal;
  readonly attempts: number;
  /** The first wait at most, ms. */
  readonly firstMs: number;
}

/** Longer than this nobody waits: neither by doubling, nor since a server asked for it. */
const longestMs = 30_000;

/** Throws what is no Transient at once, the last one of those after `attempts`, the signal's reason when it aborts. */
export async function retried<T>({ signal, attempts, firstMs }: RetryOptions, attempt: () => Promise<T>): Promise<T> {
  for (let tried = 1; ; tried += 1) {
    signal.throwIfAborted();
    try {
      return await attempt();
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof Transient)) throw error;
      const { afterMs, message } = error;
      if (afterMs > longestMs)
        throw new ImageError('unavailable', `${message}; it wants no other attempt for ${Math.ceil(afterMs / 1000)} s`, error);
      if (tried >= attempts) throw tried === 1 ? error : new ImageError('unavailable', `${message} (after ${tried} attempts)`, error);
      const pause = pauseMs({ firstMs, mostMs: longestMs }, { failures: tried, afterMs, random: Math.random() });
      await setTimeout(pause, undefined, { signal }).catch(() => {}); // what aborted it is thrown above
    }
  }
}
