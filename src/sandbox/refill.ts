// Policy: when standbys are made. Pure, so that a simulator can use it unchanged.

export interface StandbyView {
  /** Standbys that wait for a lambda. */
  readonly ready: number;
  /** Standbys that are on their way. */
  readonly coming: number;
  /** Cold starts under way. */
  readonly starting: number;
  readonly target: number;
}

/** Standbys and slots are made when no cold start has been under way for so long, ms: those who got the last replies have the processors first. */
export const quietMs = 2;

/**
 * How many standbys to begin now. None while a cold start is under way: a standby costs a fork and a rehearsal, and would take the processor from
 * the very request it is meant to spare; under a flood of cold starts forking directly costs less in all.
 */
export function standbysToBegin(view: StandbyView): number {
  return view.starting > 0 ? 0 : Math.max(0, view.target - view.ready - view.coming);
}

/** A first request that has no answer after this time, ms, is at its handler's work: nobody else's standbys wait for that. */
export const longestStartMs = 50;

/** How many of the cold starts that began at these times, ms, and whose first request has no answer yet, count as under way. */
export function startsUnderWay(began: Iterable<number>, now: number): number {
  let count = 0;
  for (const at of began) if (now - at < longestStartMs) count++;
  return count;
}

export interface StandbyRange {
  readonly least: number;
  readonly most: number;
}

/** Cold starts that came so close together, ms, count as one burst: a standby takes about as long to make. */
const burstMs = 20;
/** After this time, ms, a burst counts for half. */
const halfLifeMs = 30_000;

export interface Bursts {
  /** The burst that goes on: when it began, how many cold starts it has. */
  readonly from: number;
  readonly size: number;
  /** The largest of late, as large as it counted at `peakAt`. */
  readonly peak: number;
  readonly peakAt: number;
}

export const noBursts: Bursts = { from: Number.NEGATIVE_INFINITY, size: 0, peak: 0, peakAt: 0 };

export function withColdStart(bursts: Bursts, now: number): Bursts {
  const goesOn = now - bursts.from < burstMs;
  const [from, size] = goesOn ? [bursts.from, bursts.size + 1] : [now, 1];
  const peak = peakNow(bursts, now);
  return size >= peak ? { from, size, peak: size, peakAt: now } : { ...bursts, from, size };
}

/** How many standbys to keep: enough for the largest burst of late, within what is allowed. */
export function standbyTarget(bursts: Bursts, { least, most }: StandbyRange, now: number): number {
  return Math.min(most, Math.max(least, Math.round(peakNow(bursts, now))));
}

function peakNow({ peak, peakAt }: Bursts, now: number): number {
  return peak === 0 ? 0 : peak * 0.5 ** ((now - peakAt) / halfLifeMs);
}
