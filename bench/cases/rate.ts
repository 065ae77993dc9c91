// Cold starts per second: clients that each call a lambda nobody has called before, beside as many bare forks under way at a time.
import type { Case } from '../case.ts';
import { bareForkHelper } from '../contenders.ts';
import { Helper } from '../helper.ts';
import { type Contender, interleave } from '../interleave.ts';
import type { CaseResult } from '../result.ts';
import { median } from '../statistics.ts';
import { lambda, Worker } from '../worker.ts';

const clients = 8;
const calls = 200;

export const rate: Case = {
  title: `cold starts per second, ${clients} clients`,
  async run(setting): Promise<CaseResult> {
    const rounds = setting.rounds(20);
    const warmUp = 2;
    const names = [lambda.name, ...Array.from({ length: (rounds + warmUp) * calls }, (_, i) => `l${i}`)];
    const sources = Object.fromEntries(names.map((name) => [`${name}.py`, lambda.source]));
    // Instances stay while a round lasts, as they do while there is room, and are gone before the next one.
    const config = { mem_pool_mb: 1 << 20, max_instances: 10_000, freeze_after_ms: 2000, keep_warm_ms: 2000 };
    const worker = await Worker.start(setting, config, { sources });
    const program = setting.compile('load');
    const load = (path: string, force: string): Helper =>
      setting.own(new Helper([program, `${worker.port}`, `${clients}`, path, force, lambda.body, lambda.expected]));
    const fresh = load('/run/l%d', '');
    const known = load('/run/echo', 'forked');
    const bare = bareForkHelper(setting);
    let next = 0;
    const perSecond = async (helper: Helper, command: string): Promise<number[]> =>
      (await helper.times(command)).map((us) => (calls * 1e6) / us);
    const contenders: Contender[] = [
      { name: 'bare forks', sample: () => perSecond(bare, `many ${calls} ${clients}`) },
      {
        name: 'new lambdas',
        sample() {
          next += calls;
          return perSecond(fresh, `${next - calls} ${calls}`);
        },
      },
      { name: 'one lambda, forked', sample: () => perSecond(known, `0 ${calls}`) },
    ];
    const series = await interleave(contenders, { rounds, warmUp, unit: 'per second', settle: () => worker.quiet() });
    const [bareRate = 0, freshRate = 0] = series.map(({ samples }) => median(samples));
    return {
      series,
      baseline: 'bare forks',
      targets: [{ text: 'new lambdas / bare forks', value: freshRate / bareRate, sense: 'at least', limit: 0.6 }],
      notes: [`${calls} calls a sample; "one lambda, forked": its code is known, and every call still gets a sandbox of its own`],
    };
  },
};
