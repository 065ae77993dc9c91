// Policy: when standbys are made. Pure, so that a simulator can use it unchanged.

export interface StandbyView {
  /** Standbys that wait for a lambda. */
  readonly ready: number;
  /** Standbys that are on their way. */
  readonly coming: number;
  /** Sandboxes that were started and have not answered their first request yet. */
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
