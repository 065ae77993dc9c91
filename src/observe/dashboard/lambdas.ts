// The rows of the table of lambdas: what was counted of each, and what it has now.
import { Histogram } from '../histogram.ts';
import type { Series, SeriesTable } from '../series.ts';
import type { LambdaView } from './views.ts';

export interface LambdaRow {
  readonly name: string;
  /** Requests that ended. */
  readonly requests: number;
  /** Of them, those that were answered with 400 or more. */
  readonly failed: number;
  /** Milliseconds, since the start. */
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
  readonly busy: number;
  readonly idle: number;
  readonly frozen: number;
  readonly queued: number;
  readonly problem: string | undefined;
}

const most = 200;

/** All that were called, and all that are known otherwise; of more than `most`, those used last. */
export function lambdaRows(table: SeriesTable, lambdas: readonly LambdaView[]): { total: number; rows: readonly LambdaRow[] } {
  const views = new Map(lambdas.map((lambda) => [lambda.name, lambda]));
  const called = [...table.all()].filter((series) => series !== table.none && series !== table.forgotten);
  const names = new Set(called.map(({ lambda }) => lambda));
  const others = lambdas.filter(({ name }) => !names.has(name));
  return {
    total: called.length + others.length,
    rows: [
      ...called.slice(-most).map((series) => row(series.lambda, series, views.get(series.lambda))),
      ...others.slice(0, Math.max(0, most - called.length)).map((lambda) => row(lambda.name, undefined, lambda)),
    ],
  };
}

function row(name: string, series: Series | undefined, view: LambdaView | undefined): LambdaRow {
  const latency = new Histogram();
  for (const histogram of series?.latency ?? []) if (histogram !== undefined) latency.fold(histogram);
  return {
    name,
    requests: latency.count,
    failed: failures(series),
    p50: latency.quantile(0.5),
    p99: latency.quantile(0.99),
    max: latency.max,
    busy: view?.busy ?? 0,
    idle: view?.idle ?? 0,
    frozen: view?.frozen ?? 0,
    queued: view?.queued ?? 0,
    problem: view?.problem,
  };
}

/** A status below 10 is a class of statuses. */
function failures(series: Series | undefined): number {
  let failed = 0;
  for (const [status, count] of series?.statuses ?? []) if (status >= 400 || (status >= 4 && status < 10)) failed += count;
  return failed;
}
