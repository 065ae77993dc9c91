// The requests of a ring for people and their tools: filtered, and one JSON object a line.
import type { Finished, Start } from './finished.ts';

/** What is left out is no condition. */
export interface TraceFilter {
  readonly lambda?: string | undefined;
  readonly start?: Start | undefined;
  /** Began at this time or later: milliseconds since 1970. */
  readonly since?: number | undefined;
  /** Took at least as many milliseconds. */
  readonly minMs?: number | undefined;
  /** At most as many, the latest. */
  readonly limit?: number | undefined;
}

/** In the order in which they ended. */
export function select(requests: readonly Finished[], filter: TraceFilter): readonly Finished[] {
  const since = filter.since === undefined ? Number.NEGATIVE_INFINITY : filter.since - performance.timeOrigin;
  const meant = requests.filter(
    ({ lambda, start, began, ended }) =>
      (filter.lambda === undefined || lambda === filter.lambda) &&
      (filter.start === undefined || start === filter.start) &&
      began >= since &&
      ended - began >= (filter.minMs ?? 0),
  );
  return filter.limit === undefined ? meant : meant.slice(Math.max(0, meant.length - filter.limit));
}

/** A line a request; times in ms, to the microsecond. */
export function* ndjson(requests: readonly Finished[]): Generator<string> {
  for (const request of requests) yield `${JSON.stringify(shown(request))}\n`;
}

function shown({ phases, began, ended, trace, errorCode, ...request }: Finished): Record<string, unknown> {
  const us = wallClockUs(began);
  return {
    requestId: request.requestId,
    lambda: request.lambda,
    method: request.method,
    path: request.path,
    status: request.status,
    start: request.start,
    error: errorCode,
    began: new Date(us / 1000).toISOString(),
    beganUnixNs: `${us}000`, // a number of that size would not survive JSON.parse
    ms: toUs(ended - began),
    phases: phases.list.map(([name, ms]) => ({ name, ms: toUs(ms) })),
    bytesIn: request.bytesIn,
    bytesOut: request.bytesOut,
    sandbox: request.sandbox,
    ...trace,
  };
}

/** Microseconds since 1970, at a time of performance.now(). */
export function wallClockUs(at: number): number {
  return Math.round((performance.timeOrigin + at) * 1000);
}

function toUs(ms: number): number {
  return Math.round(ms * 1000) / 1000;
}
