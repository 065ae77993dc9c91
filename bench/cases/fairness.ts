// A lambda that is called 20 times a second, alone and beside one that is flooded: does its slowest call in a hundred notice? The HTTP floor in the
// same place tells how much of it the machine does, whose processors the flood's clients use as well.
import { existsSync } from 'node:fs';
import type { Case, Setting } from '../case.ts';
import { type Contender, interleave, pause } from '../interleave.ts';
import { loader } from '../load.ts';
import { Requester } from '../requester.ts';
import type { CaseResult } from '../result.ts';
import { startFloor } from '../servers.ts';
import { median, quantile } from '../statistics.ts';
import { lambda, Worker } from '../worker.ts';

const everyMs = 50;
/** A sample of the light lambda's calls, or of the flood, takes so long. */
const seconds = 2;
const mostClients = 256;

export const fairness: Case = {
  title: 'a lambda beside a flooded one',
  async run(setting): Promise<CaseResult> {
    const sources = { 'light.py': lambda.source, 'flooded.py': lambda.source };
    const worker = await Worker.start(setting, { freeze_after_ms: 60_000 }, { sources });
    const { port } = await startFloor(setting);
    const floor = await contest(setting, { name: 'HTTP floor', port, light: '/', flooded: '/' });
    const called = await contest(setting, { name: 'light lambda', port: worker.port, light: '/run/light', flooded: '/run/flooded' });
    const turns = { rounds: setting.rounds(20), warmUp: 0, unit: 'us' } as const;
    const series = await interleave([floor.alone, floor.beside, called.alone, called.beside], turns);
    const [floorAlone = 0, floorBeside = 0, alone = 0, beside = 0] = series.map(({ samples }) => quantile(samples, 0.99));
    return {
      series: [
        ...series,
        { name: 'flood of the floor', unit: 'per second', samples: floor.rates },
        { name: 'flood', unit: 'per second', samples: called.rates },
      ],
      baseline: called.alone.name,
      targets: [{ text: 'p99 of the light lambda, beside a flood / alone', value: beside / alone, sense: 'at most', limit: 3 }],
      notes: [
        `p99 of the floor, beside a flood / alone: ${(floorBeside / floorAlone).toFixed(1)}`,
        `flooded by ${called.clients} clients, the floor by ${floor.clients}: twice as many got less than a tenth more answers`,
      ],
    };
  },
};

interface Contest {
  readonly alone: Contender;
  readonly beside: Contender;
  readonly clients: number;
  /** Answers a second that the flood got. */
  readonly rates: number[];
}

interface ContestOptions {
  readonly name: string;
  readonly port: number;
  readonly light: string;
  readonly flooded: string;
}

async function contest(setting: Setting, { name, port, light, flooded }: ContestOptions): Promise<Contest> {
  const common = { program: setting.compile('request'), name, port, path: light, force: '', expected: lambda.expected };
  await new Requester(setting, { ...common, times: 4000 }).ask(); // until the worker's code is compiled
  const requester = new Requester(setting, { ...common, times: 1 });
  const { flood, clients } = await saturating(setting, port, flooded);
  const rates: number[] = [];
  const during = async (going: Promise<unknown>): Promise<number[]> => {
    const samples: number[] = [];
    let over = false;
    const end = going.finally(() => (over = true));
    while (!over) {
      samples.push(...(await requester.sample()));
      await Promise.race([pause(everyMs), end]);
    }
    await end;
    return samples;
  };
  return {
    clients,
    rates,
    alone: { name: `${name}, alone`, sample: () => during(pause(seconds * 1000)) },
    beside: { name: `${name}, beside a flood`, sample: () => during(flood.sample().then((rate) => rates.push(...rate))) },
  };
}

/** As many clients as it takes until more of them get hardly more answers. */
async function saturating(setting: Setting, port: number, path: string): Promise<{ flood: Contender; clients: number }> {
  const wrk = existsSync('/usr/bin/wrk') ? '/usr/bin/wrk' : undefined;
  const rated = async (clients: number) => {
    const flood = loader(setting, { name: `${clients} clients`, port, path, clients, seconds, wrk });
    await flood.sample(); // warms up
    return { flood, clients, rate: median(await flood.sample()) };
  };
  let enough = await rated(4);
  while (enough.clients < mostClients) {
    const more = await rated(enough.clients * 2);
    if (more.rate < enough.rate * 1.1) break;
    enough = more;
  }
  return enough;
}
