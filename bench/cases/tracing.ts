// What it costs that the worker keeps the last 1000 requests for /trace: warm calls and throughput of a worker as it is, beside one that keeps none
// (`trace.requests: 0`); and beside one that records nothing at all, no metrics either, which no configuration makes. Processes of the same program differ
// by more than what is looked for: it takes many of each, and turns short enough to meet the same noise.
import type { Case, Setting } from '../case.ts';
import { type Contender, interleave, type Turns } from '../interleave.ts';
import { loader } from '../load.ts';
import { Requester } from '../requester.ts';
import type { CaseResult, Series, Unit } from '../result.ts';
import { median, quantile } from '../statistics.ts';
import { lambda, Worker } from '../worker.ts';

const inARow = 200;
const clients = 16;
/** Of a sample of the throughput. */
const seconds = 0.1;

const kinds = ['tracing', 'not tracing', 'recording nothing'] as const;
type Kind = (typeof kinds)[number];

export const tracing: Case = {
  title: 'counting and tracing requests',
  async run(setting): Promise<CaseResult> {
    const rounds: Round[] = [];
    for (let i = 0; i < setting.rounds(20); i++) rounds.push(await round(setting, i));
    const all = (name: string, unit: Unit, of: (one: Round) => readonly number[]): Series => ({ name, unit, samples: rounds.flatMap(of) });
    const slower = (than: Kind) => all(`warm call, slower than ${than}`, '%', ({ warm }) => [more(warm.tracing, warm[than])]);
    const fewer = (than: Kind) => all(`calls, fewer than ${than}`, '%', ({ rate }) => [-more(rate.tracing, rate[than])]);
    const [p50, calls] = [slower('not tracing'), fewer('not tracing')];
    return {
      series: [
        ...kinds.map((kind) => all(`warm call, ${kind}`, 'us', ({ warm }) => warm[kind])),
        ...kinds.map((kind) => all(`calls, ${kind}`, 'per second', ({ rate }) => rate[kind])),
        p50,
        calls,
      ],
      baseline: 'warm call, not tracing',
      targets: [
        { text: 'warm p50, slower by %', value: median(p50.samples), sense: 'at most', limit: 1 },
        { text: 'calls per second, fewer by %', value: median(calls.samples), sense: 'at most', limit: 2 },
      ],
      notes: [
        `a sample is the median of ${inARow} calls, or the rate of ${clients} clients over ${seconds} s`,
        `of ${rounds.length} rounds of fresh workers, each the median of its turns:`,
        ...[p50, calls, slower('recording nothing'), fewer('recording nothing')].map(spread),
      ],
    };
  },
};

type Samples = Readonly<Record<Kind, readonly number[]>>;

interface Round {
  readonly warm: Samples;
  readonly rate: Samples;
}

/** Of a fresh worker of each kind; which of them is first changes from round to round. */
async function round(setting: Setting, number: number): Promise<Round> {
  const order = kinds.map((_, i) => kinds[(i + number) % kinds.length] as Kind);
  const workers: (readonly [Kind, Worker])[] = [];
  for (const kind of order) workers.push([kind, await start(setting, kind)]);
  const program = setting.compile('request');
  const warm = await turns(workers, { rounds: setting.rounds(100), warmUp: 20, unit: 'us' }, ({ port }) => {
    const options = { program, name: '', port, path: '/run/echo', force: '', expected: lambda.expected, times: inARow };
    const requester = new Requester(setting, options);
    return { name: '', sample: async () => [median(await requester.sample())] };
  });
  const rate = await turns(workers, { rounds: setting.rounds(20), warmUp: 2, unit: 'per second' }, ({ port }) =>
    loader(setting, { name: '', port, path: '/run/echo', clients, seconds, wrk: undefined }),
  );
  for (const [, worker] of workers) await worker.close();
  return { warm, rate };
}

function start(setting: Setting, kind: Kind): Promise<Worker> {
  const config = { freeze_after_ms: 60_000, ...(kind === 'not tracing' && { trace: { requests: 0 } }) };
  return Worker.start(setting, config, kind === 'recording nothing' ? { preload: new URL('../unrecorded.js', import.meta.url) } : {});
}

async function turns(
  workers: readonly (readonly [Kind, Worker])[],
  how: Turns,
  contender: (worker: Worker) => Contender,
): Promise<Samples> {
  const series = await interleave(
    workers.map(([, worker]) => contender(worker)),
    how,
  );
  const samples = { tracing: [], 'not tracing': [], 'recording nothing': [] } as Record<Kind, readonly number[]>;
  workers.forEach(([kind], i) => {
    samples[kind] = series[i]?.samples ?? [];
  });
  return samples;
}

/** By how many percent. */
function more(on: readonly number[], off: readonly number[]): number {
  return median(on.map((value, turn) => (value / (off[turn] ?? Number.NaN) - 1) * 100));
}

function spread({ name, samples }: Series): string {
  const [low, middle, high] = [0.25, 0.5, 0.75].map((q) => quantile(samples, q).toFixed(1));
  return `${name} by ${middle} %, quartiles ${low} and ${high}`;
}
