// What the page is told each second, made of what others have counted: plain data that becomes JSON.
import { type Finished, type Start, starts } from '../finished.ts';
import type { Histogram } from '../histogram.ts';
import type { Recorder } from '../recorder.ts';
import { select } from '../traces.ts';
import { type LambdaRow, lambdaRows } from './lambdas.ts';
import type { Minute } from './minute.ts';
import { type Failed, type ShownError, type ShownRequest, shownError, shownRequest } from './requests.ts';
import type { Sample, Samples } from './samples.ts';
import { type Lambdas, type Totals, type Zygotes, zygotes } from './views.ts';

export interface Asked {
  /** Samples, requests and errors that came later: milliseconds of the worker's performance.now(), as its last answer said. 0 for all. */
  readonly since: number;
  /** Which requests. */
  readonly lambda?: string | undefined;
  readonly start?: Start | undefined;
  readonly minMs?: number | undefined;
}

export interface Sources {
  readonly now: number;
  readonly recorder: Pick<Recorder, 'latency' | 'table' | 'ring' | 'errors'>;
  readonly minute: Minute;
  readonly samples: Samples;
  /** The last ones, oldest first. */
  readonly failed: readonly Failed[];
  /** `ready`, or what it does instead. */
  readonly state: string;
  readonly totals: Totals;
  readonly lambdas: Lambdas;
  readonly backend: Readonly<Record<string, unknown>>;
}

/** Milliseconds. */
export interface Percentiles {
  readonly count: number;
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly max: number;
}

export interface Data {
  /** Of the worker's performance.now(): the next `since`. */
  readonly now: number;
  /** When it started, in milliseconds since 1970: another one is another worker. */
  readonly started: number;
  readonly state: string;
  readonly samples: readonly Sample[];
  /** By start class, `none` for requests that met no sandbox; those without requests are left out. `minuteMs`: how long that minute was. */
  readonly latency: {
    readonly minuteMs: number;
    readonly minute: Readonly<Record<string, Percentiles>>;
    readonly all: Readonly<Record<string, Percentiles>>;
  };
  /** By state; `busy` has those that are being started for a call. */
  readonly sandboxes: Readonly<Record<string, number>>;
  readonly zygotes: readonly Zygotes[];
  /** Zygotes of single lambdas. */
  readonly lambdaZygotes: number | undefined;
  readonly limitsNotEnforced: readonly string[];
  readonly memory: { readonly takenBytes: number; readonly mostBytes: number; readonly residentBytes: number };
  readonly evictions: number;
  readonly waitingForMemory: number;
  readonly queued: number;
  readonly inFlight: number;
  readonly requestsKept: boolean;
  /** The latest last. */
  readonly requests: readonly ShownRequest[];
  readonly errors: { readonly byCode: Readonly<Record<string, number>>; readonly recent: readonly ShownError[] };
  /** Those with the most requests and those with the most failures, when there are more than are shown. */
  readonly lambdas: { readonly total: number; readonly rows: readonly LambdaRow[] };
}

const mostRequests = 50;
const classes = [...starts, 'none'] as const;

export function data(asked: Asked, of: Sources): Data {
  const { now, recorder, minute, samples, totals, lambdas } = of;
  const all = recorder.latency;
  const recent = minute.since(now, all);
  const { user, system } = process.cpuUsage();
  samples.add({
    at: now,
    requests: all.reduce((sum, { count }) => sum + count, 0),
    errors: [...recorder.errors.values()].reduce((sum, count) => sum + count, 0),
    inFlight: totals.inFlight,
    queued: totals.queued,
    cpuMs: Math.round((user + system) / 1000),
  });
  const pools = zygotes(of.backend);
  const { takenBytes, mostBytes, waiting, evictions } = totals.room;
  const { lambdaZygotes, limitsNotEnforced } = of.backend;
  const ring = recorder.ring.list();
  return {
    now,
    started: performance.timeOrigin,
    state: of.state,
    samples: samples.since(asked.since),
    latency: { minuteMs: recent.ms, minute: byClass(recent.histograms), all: byClass(all) },
    sandboxes: byState(totals, pools),
    zygotes: pools,
    lambdaZygotes: typeof lambdaZygotes === 'number' ? lambdaZygotes : undefined,
    limitsNotEnforced: Array.isArray(limitsNotEnforced) ? limitsNotEnforced.map(String) : [],
    memory: { takenBytes, mostBytes, residentBytes: process.memoryUsage.rss() },
    evictions,
    waitingForMemory: waiting,
    queued: totals.queued,
    inFlight: totals.inFlight,
    requestsKept: ring.length > 0,
    requests: requests(ring, asked).map(shownRequest),
    errors: {
      byCode: Object.fromEntries(recorder.errors),
      recent: of.failed.filter(({ finished }) => finished.ended > asked.since).map(shownError),
    },
    lambdas: lambdaRows(recorder.table, lambdas),
  };
}

function byClass(histograms: readonly Histogram[]): Readonly<Record<string, Percentiles>> {
  return Object.fromEntries(
    histograms.flatMap((histogram, i) => (histogram.count === 0 ? [] : [[classes[i] ?? 'none', percentiles(histogram)] as const])),
  );
}

export function percentiles(histogram: Histogram): Percentiles {
  const [p50, p90, p99] = [histogram.quantile(0.5), histogram.quantile(0.9), histogram.quantile(0.99)];
  return { count: histogram.count, p50, p90, p99, max: histogram.max };
}

function byState({ busy, idle, frozen }: Totals, pools: readonly Zygotes[]): Data['sandboxes'] {
  const told = pools.flatMap(({ starting }) => (starting === undefined ? [] : [starting]));
  const sum = (counts: readonly number[]): number => counts.reduce((all, count) => all + count, 0);
  const states = { busy, idle, frozen, standby: sum(pools.map(({ standbys }) => standbys)) };
  return told.length === 0 ? states : { ...states, starting: sum(told) };
}

function requests(ring: readonly Finished[], { since, lambda, start, minMs }: Asked): readonly Finished[] {
  const first = ring.findIndex(({ ended }) => ended > since);
  return first === -1 ? [] : select(ring.slice(first), { lambda, start, minMs, limit: mostRequests });
}
