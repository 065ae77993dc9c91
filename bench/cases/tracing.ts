// What it costs that the worker counts every request and keeps the last 1000: warm calls and throughput of a worker as it is, beside one that records
// nothing. Two processes of the same program differ by more than what is looked for: it takes many pairs, and turns short enough to meet the same noise.
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

export const tracing: Case = {
  title: 'counting and tracing requests',
  async run(setting): Promise<CaseResult> {
    const pairs: Pair[] = [];
    for (let i = 0; i < setting.rounds(20); i++) pairs.push(await pair(setting, i % 2 === 0));
    const series = (name: string, unit: Unit, of: (one: Pair) => readonly number[]): Series => ({ name, unit, samples: pairs.flatMap(of) });
    const slower = series('warm call, recorded, slower', '%', ({ warm }) => [more(warm.on, warm.off)]);
    const fewer = series('calls, recorded, fewer', '%', ({ rate }) => [-more(rate.on, rate.off)]);
    return {
      series: [
        series('warm call', 'us', ({ warm }) => warm.off),
        series('warm call, recorded', 'us', ({ warm }) => warm.on),
        series('calls', 'per second', ({ rate }) => rate.off),
        series('calls, recorded', 'per second', ({ rate }) => rate.on),
        slower,
        fewer,
      ],
      baseline: 'warm call',
      targets: [
        { text: 'warm p50, slower by %', value: median(slower.samples), sense: 'at most', limit: 1 },
        { text: 'calls per second, fewer by %', value: median(fewer.samples), sense: 'at most', limit: 2 },
      ],
      notes: [
        `a sample is the median of ${inARow} calls, or the rate of ${clients} clients over ${seconds} s`,
        `of ${pairs.length} pairs of workers, each the median of its turns: ${spread(slower)}; ${spread(fewer)}`,
      ],
    };
  },
};

/** Samples of the worker that records and of the one that does not, turn by turn. */
interface Both {
  readonly on: readonly number[];
  readonly off: readonly number[];
}

interface Pair {
  readonly warm: Both;
  readonly rate: Both;
}

/** Of two fresh workers. */
async function pair(setting: Setting, recordingFirst: boolean): Promise<Pair> {
  const start = (recording: boolean): Promise<Worker> => {
    const preload = new URL('../unrecorded.js', import.meta.url);
    return Worker.start(setting, { freeze_after_ms: 60_000 }, recording ? {} : { preload });
  };
  const workers = [await start(recordingFirst), await start(!recordingFirst)];
  if (!recordingFirst) workers.reverse();
  const program = setting.compile('request');
  const warm = await turns(workers, { rounds: setting.rounds(100), warmUp: 20, unit: 'us' }, ({ port }) => {
    const options = { program, name: '', port, path: '/run/echo', force: '', expected: lambda.expected, times: inARow };
    const requester = new Requester(setting, options);
    return { name: '', sample: async () => [median(await requester.sample())] };
  });
  const rate = await turns(workers, { rounds: setting.rounds(20), warmUp: 2, unit: 'per second' }, ({ port }) =>
    loader(setting, { name: '', port, path: '/run/echo', clients, seconds, wrk: undefined }),
  );
  for (const worker of workers) await worker.close();
  return { warm, rate };
}

async function turns(workers: readonly Worker[], how: Turns, contender: (worker: Worker) => Contender): Promise<Both> {
  const [on, off] = await interleave(workers.map(contender), how);
  return { on: on?.samples ?? [], off: off?.samples ?? [] };
}

/** By how many percent. */
function more(on: readonly number[], off: readonly number[]): number {
  return median(on.map((value, turn) => (value / (off[turn] ?? Number.NaN) - 1) * 100));
}

function spread({ name, samples }: Series): string {
  const [low, middle, high] = [0.25, 0.5, 0.75].map((q) => quantile(samples, q).toFixed(1));
  return `${name} by ${middle} %, quartiles ${low} and ${high}`;
}
