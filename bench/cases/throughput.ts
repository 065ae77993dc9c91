// Warm calls per second of 16 clients, beside the front end answering by itself under the same load.
import { existsSync } from 'node:fs';
import type { Case } from '../case.ts';
import { interleave } from '../interleave.ts';
import { loader } from '../load.ts';
import type { CaseResult } from '../result.ts';
import { startFloor } from '../servers.ts';
import { median } from '../statistics.ts';
import { Worker } from '../worker.ts';

const clients = 16;

export const throughput: Case = {
  title: `warm calls per second, ${clients} clients`,
  async run(setting): Promise<CaseResult> {
    const worker = await Worker.start(setting, { freeze_after_ms: 60_000 });
    const { port: floorPort } = await startFloor(setting);
    const wrk = existsSync('/usr/bin/wrk') ? '/usr/bin/wrk' : undefined;
    const seconds = setting.quick ? 1 : 3;
    const called = loader(setting, { name: 'warm calls', port: worker.port, path: '/run/echo', clients, seconds, wrk });
    const floor = loader(setting, { name: 'HTTP floor', port: floorPort, path: '/', clients, seconds, wrk });
    const series = await interleave([floor, called], { rounds: setting.rounds(10), warmUp: 1, unit: 'per second' });
    const [floorRate = 0, rate = 0] = series.map(({ samples }) => median(samples));
    return {
      series,
      baseline: 'HTTP floor',
      targets: [
        { text: 'warm calls per second', value: rate, sense: 'at least', limit: 10_000 },
        { text: 'warm calls / floor', value: rate / floorRate, sense: 'at least', limit: 0.4 },
      ],
      notes: [
        wrk === undefined
          ? 'load by baseline/load.c (wrk is not installed)'
          : 'load by wrk, one thread; answers checked before each run, their status in it',
      ],
    };
  },
};
