// What counting a request and showing the counts cost: the worker's own recorder, beside prom-client (with two of the families) where it is installed.
import { createRequire } from 'node:module';
import { type Finished, starts } from '../../src/observe/finished.ts';
import { Phases } from '../../src/observe/phases.ts';
import { Metrics } from '../../src/observe/prometheus.ts';
import { Recorder } from '../../src/observe/recorder.ts';
import type { Case } from '../case.ts';
import { type Contender, interleave } from '../interleave.ts';
import type { CaseResult } from '../result.ts';
import { median } from '../statistics.ts';

const lambdas = 1000;
const buckets = [0.00005, 0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.05, 0.2, 1, 5, 20];

/** Counts requests, and shows what it has counted. */
interface Meter {
  readonly name: string;
  record(request: Finished): void;
  show(): Promise<string | Buffer>;
}

export const metrics: Case = {
  title: `counting a request; /metrics of ${lambdas} lambdas`,
  async run(setting): Promise<CaseResult> {
    const requests = starts.flatMap((start) => Array.from({ length: lambdas }, (_, i) => request(`lambda-${i}`, start)));
    const other = promClient();
    const meters = other === undefined ? [ours()] : [ours(), other];
    const recording = meters.map(
      (meter): Contender => ({ name: `${meter.name}: record`, sample: async () => [recordAll(meter, requests)] }),
    );
    const showing = meters.map((meter): Contender => ({ name: `${meter.name}: /metrics`, sample: () => showOnce(meter) }));
    const rounds = setting.rounds(50);
    const series = [
      ...(await interleave(recording, { rounds, warmUp: 3, unit: 'us' })),
      ...(await interleave(showing, { rounds, warmUp: 3, unit: 'us' })),
    ];
    const record = median(series[0]?.samples ?? []);
    const text = median(series[meters.length]?.samples ?? []);
    return {
      series,
      baseline: series[0]?.name,
      targets: [
        { text: 'record, us', value: record, sense: 'at most', limit: 1 },
        { text: `/metrics of ${lambdas} lambdas in ${starts.length} start classes, ms`, value: text / 1000, sense: 'at most', limit: 20 },
      ],
      notes: [
        'a sample of "record" is the mean over one request of each lambda and start class, in turn: a warm call of one lambda costs half',
        other === undefined
          ? 'prom-client is not installed (npm install --no-save prom-client@15.1.3)'
          : 'prom-client shows two families, ours all',
      ],
    };
  },
};

function recordAll(meter: Meter, requests: readonly Finished[]): number {
  const from = performance.now();
  for (const each of requests) meter.record(each);
  return ((performance.now() - from) * 1000) / requests.length;
}

/** Checks that every lambda and start class is there. */
async function showOnce(meter: Meter): Promise<readonly number[]> {
  const from = performance.now();
  const text = await meter.show();
  const us = (performance.now() - from) * 1000;
  const ends = text.toString().match(/^sock_request_duration_seconds_bucket\{.*le="\+Inf".*\} [1-9]/gm)?.length;
  if (ends !== lambdas * starts.length) throw new Error(`${meter.name} shows ${ends} histograms`);
  return [us];
}

function ours(): Meter {
  const recorder = new Recorder({ traced: 1000 });
  const shown = new Metrics(recorder, () => []);
  return { name: 'ours', record: (each) => recorder.record(each), show: async () => shown.text() };
}

interface PromClient {
  readonly Registry: new () => { metrics(): Promise<string> };
  readonly Counter: new (options: object) => { inc(labels: object): void };
  readonly Histogram: new (options: object) => { observe(labels: object, value: number): void };
}

/** Undefined where it is not installed. */
function promClient(): Meter | undefined {
  let library: PromClient;
  try {
    library = createRequire(import.meta.url)('prom-client') as PromClient;
  } catch {
    return undefined;
  }
  const registry = new library.Registry();
  const registers = [registry];
  const total = new library.Counter({ name: 'sock_requests_total', help: 'Requests.', labelNames: ['lambda', 'status'], registers });
  const labelNames = ['lambda', 'start'];
  const duration = new library.Histogram({ name: 'sock_request_duration_seconds', help: 'Latency.', labelNames, buckets, registers });
  return {
    name: 'prom-client',
    record: ({ lambda = '', start = 'none', status, began, ended }) => {
      total.inc({ lambda, status });
      duration.observe({ lambda, start }, (ended - began) / 1000);
    },
    show: () => registry.metrics(),
  };
}

function request(lambda: string, start: Finished['start']): Finished {
  const phases = new Phases(0);
  let ended = 0;
  for (const name of ['receive', 'code', 'queue', 'wake', 'handler', 'reply']) {
    ended += Math.random();
    phases.mark(name, ended);
  }
  return {
    requestId: 'bench',
    lambda,
    method: 'POST',
    status: 200,
    start,
    errorCode: undefined,
    phases,
    began: 0,
    ended,
    bytesIn: 2,
    bytesOut: 2,
    sandbox: '1',
    trace: undefined,
  };
}
