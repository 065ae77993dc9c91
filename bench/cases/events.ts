// How long an event is on its way: from just before a lambda yields it until its first byte is read, beside node:http that writes it itself.

import type { Case } from '../case.ts';
import { Helper } from '../helper.ts';
import { type Contender, interleave } from '../interleave.ts';
import type { CaseResult } from '../result.ts';
import { startNodeServer } from '../servers.ts';
import { quantile } from '../statistics.ts';
import { Worker } from '../worker.ts';

const [count, gapMs] = [20, 10];

const source = `from time import monotonic_ns, sleep
def f(event, context):
    def events():
        for _ in range(${count}):
            sleep(${gapMs / 1000})
            yield f"data: {monotonic_ns()}\\n\\n"
    return context.response(events(), headers={"content-type": "text/event-stream"})
`;

export const events: Case = {
  title: 'a server-sent event on its way',
  async run(setting): Promise<CaseResult> {
    const worker = await Worker.start(setting, { freeze_after_ms: 60_000 }, { sources: { 'events.py': source } });
    const plain = await startNodeServer(setting);
    const program = setting.compile('events');
    const reader = (name: string, port: number, path: string): Contender => {
      const helper = setting.own(new Helper([program, `${port}`, path, `${count}`]));
      return { name, sample: () => helper.times('') };
    };
    const contenders = [
      reader('node:http alone', plain.port, `/?count=${count}&gapMs=${gapMs}`),
      reader('events of a lambda', worker.port, '/run/events'),
    ];
    const series = await interleave(contenders, { rounds: setting.rounds(50), warmUp: 3, unit: 'us' });
    const p99 = quantile(series[1]?.samples ?? [], 0.99);
    return {
      series,
      baseline: 'node:http alone',
      targets: [{ text: 'events of a lambda, p99, ms', value: p99 / 1000, sense: 'at most', limit: 2 }],
      notes: [`${count} events a sample, one every ${gapMs} ms; each holds the CLOCK_MONOTONIC of its sender`],
    };
  },
};
