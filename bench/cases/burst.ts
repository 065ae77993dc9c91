// Calls that all come at once, of a lambda that sleeps for a second and has no instance: does one wait for another?
import type { Case, Setting } from '../case.ts';
import { Helper } from '../helper.ts';
import { type Contender, interleave } from '../interleave.ts';
import type { CaseResult } from '../result.ts';
import { quantile } from '../statistics.ts';
import { lambda, Worker } from '../worker.ts';

const clients = 8;

const source = `from time import sleep
def f(event):
    sleep(1)
    return event
`;

export const burst: Case = {
  title: `${clients} cold calls at once of a lambda that sleeps for 1 s`,
  async run(setting): Promise<CaseResult> {
    const worker = await Worker.start(setting, { freeze_after_ms: 10, keep_warm_ms: 10 }, { sources: { 'sleep.py': source } });
    const program = setting.compile('load');
    const contenders = [calls(setting, worker, program, 1), calls(setting, worker, program, clients)];
    const series = await interleave(contenders, { rounds: setting.rounds(20), warmUp: 1, unit: 'us', settle: () => worker.quiet() });
    const slowest = quantile(series[1]?.samples ?? [], 1) / 1e6;
    return {
      series,
      baseline: 'one cold call',
      targets: [{ text: `${clients} cold calls, all answered, the slowest burst, s`, value: slowest, sense: 'at most', limit: 1.2 }],
      notes: ['no instance before a sample, and two standbys'],
    };
  },
};

/** A sample is the time until all have their answers. */
function calls(setting: Setting, worker: Worker, program: string, count: number): Contender {
  const helper = setting.own(new Helper([program, `${worker.port}`, `${count}`, '/run/sleep', '', lambda.body, lambda.expected]));
  return { name: count === 1 ? 'one cold call' : `${count} cold calls`, sample: () => helper.times(`0 ${count}`) };
}
