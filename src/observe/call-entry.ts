// What the log has of one call: lines are objects, and these their keys. Times are whole microseconds, as the names say.
import type { Finished } from './finished.ts';
import type { Phases } from './phases.ts';

/** Of the line that is written for each call with `log_level` debug. Not the path: what callers put there may be secret. */
export function callEntry(finished: Finished): object {
  const { requestId, lambda, sandbox, start, method, status, errorCode, began, ended, phases, bytesIn, bytesOut, trace } = finished;
  const wallUs = microseconds(ended - began);
  return {
    requestId,
    lambda,
    sandbox,
    start,
    method,
    status,
    errorCode,
    wallUs,
    phasesUs: phasesUs(phases),
    bytesIn,
    bytesOut,
    traceId: trace?.traceId,
  };
}

/** By name. */
export function phasesUs({ list }: Phases): Readonly<Record<string, number>> {
  const sums: Record<string, number> = {};
  for (const [name, ms] of list) sums[name] = (sums[name] ?? 0) + microseconds(ms);
  return sums;
}

function microseconds(ms: number): number {
  return Math.round(ms * 1000);
}
