// The rows of the table of lambdas: what was counted of each, and what it has now.
import { Histogram } from '../histogram.ts';
import type { Series, SeriesTable } from '../series.ts';
import type { Lambdas, LambdaView } from './views.ts';

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

/** By requests, and as many by failures. */
const most = 50;

/** All that were called, and all that are known otherwise; of more than `most`, those with the most requests and those with the most failures. */
export function lambdaRows(table: SeriesTable, lambdas: Lambdas): { total: number; rows: readonly LambdaRow[] } {
  const called = [...table.lambdas()].reverse();
  const shown = new Set([...top(called, 'requests'), ...top(called, 'failed')]);
  const rows = [...shown].map((series) => row(series.lambda, series, lambdas.details(series.lambda)[0]));
  let total = called.length;
  for (const name of lambdas.names()) {
    if (table.has(name)) continue;
    total++;
    if (total <= most) rows.push(row(name, undefined, lambdas.details(name)[0]));
  }
  return { total, rows };
}

/** Those with the greatest counts above 0; of equal ones the first. Most of 10,000 are passed over, so that this takes a tenth of sorting them. */
function top(all: readonly Series[], count: 'requests' | 'failed'): readonly Series[] {
  const kept: Series[] = [];
  let least = 0;
  const cut = (): void => void kept.sort((a, b) => b[count] - a[count]).splice(most);
  for (const series of all) {
    if (series[count] <= least || kept.push(series) < 2 * most) continue;
    cut();
    least = kept.at(-1)?.[count] ?? 0;
  }
  cut();
  return kept;
}

function row(name: string, series: Series | undefined, view: LambdaView | undefined): LambdaRow {
  const latency = new Histogram();
  for (const histogram of series?.latency ?? []) if (histogram !== undefined) latency.fold(histogram);
  return {
    name,
    requests: series?.requests ?? 0,
    failed: series?.failed ?? 0,
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
