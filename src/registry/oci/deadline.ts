// An end to what a server may draw out for ever by sending a byte now and then.
import { ImageError } from './image-error.ts';

/** Timers take no more. */
const longestMs = 2 ** 31 - 1;

export interface Deadline {
  /** For the message: "look up …". */
  readonly what: string;
  readonly ms: number;
  readonly signal: AbortSignal;
}

export async function within<T>({ what, ms, signal }: Deadline, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const late = AbortSignal.timeout(Math.min(Math.ceil(ms), longestMs));
  try {
    return await work(AbortSignal.any([signal, late]));
  } catch (error) {
    if (signal.aborted || !late.aborted) throw error;
    throw new ImageError('unavailable', `${what}: it takes more than ${Math.ceil(ms / 1000)} s`, error);
  }
}
