// Policy: how lambdas share the memory of the node when there is not enough for all that they want. Max-min: nobody gets more while somebody who
// has less waits. Pure, so that a simulator can use it unchanged.

export interface Waiter {
  /** `minimum`: no call waits, the lambda is to have an instance in reserve. */
  readonly sake: 'call' | 'minimum';
  /** Bytes of its instances that take calls. */
  readonly held: number;
  /** Bytes of the instance that it waits for. */
  readonly bytes: number;
}

export interface Holder {
  readonly held: number;
  /** Bytes of the instance that has answered and could answer the next call of its own lambda. */
  readonly bytes: number;
  /** For how long that one has been there, ms. */
  readonly ageMs: number;
}

/** An instance works so long before it is given up: where there is room for fewer than want it, less of the time goes into starts. */
export const sliceMs = 20;

/** Whose turn it is of those that wait, given in the order in which they came: calls first, then who holds least, then who came first. */
export function turn<T extends Waiter>(waiting: Iterable<T>): T | undefined {
  let first: T | undefined;
  for (const waiter of waiting) if (first === undefined || goesBefore(waiter, first)) first = waiter;
  return first;
}

/** Whether a newcomer need not wait behind whoever is first in line. */
export function mayPass(newcomer: Waiter, first: Waiter | undefined): boolean {
  return first === undefined || goesBefore(newcomer, first);
}

/** Whether the holder ends an instance for the waiter's sake, although it has calls for it: as long as it keeps no less than the waiter gets. */
export function yields(holder: Holder, waiter: Waiter): boolean {
  if (waiter.sake !== 'call' || holder.ageMs < sliceMs) return false;
  return waiter.held === 0 || waiter.held + waiter.bytes <= holder.held - holder.bytes;
}

function goesBefore(a: Waiter, b: Waiter): boolean {
  return a.sake === b.sake ? a.held < b.held : a.sake === 'call';
}
