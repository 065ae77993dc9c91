// What a waiting standby and an idle instance occupy: the proportional set size of their processes, and what of it is theirs alone.
import { readFileSync } from 'node:fs';
import type { Case } from '../case.ts';
import { Requester } from '../requester.ts';
import type { CaseResult, Series } from '../result.ts';
import { median } from '../statistics.ts';
import { lambda, Worker } from '../worker.ts';

/** As few as there are standbys: the more processes share the zygote's pages, the smaller everybody's share. */
const instances = 2;

export const memory: Case = {
  title: 'memory of a sandbox that waits',
  async run(setting): Promise<CaseResult> {
    const worker = await Worker.start(setting, { freeze_after_ms: 60_000 });
    const program = setting.compile('request');
    const common = { program, port: worker.port, path: '/run/echo', expected: lambda.expected };
    const cold = new Requester(setting, { ...common, name: 'standby', force: 'standby', times: 1 });
    const warm = new Requester(setting, { ...common, name: 'warm', force: 'warm', times: 100 });
    for (let i = 0; i < instances; i++) {
      await worker.quiet(instances);
      await cold.ask();
    }
    await warm.ask();
    await worker.quiet(instances);
    const pids = [...worker.sandboxes().values()];
    const of = (name: string, among: readonly number[], field: string): Series => ({
      name,
      unit: 'MB',
      samples: among.map((pid) => megabytes(pid, field)),
    });
    const [used, waiting] = [pids.filter(hasLambda), pids.filter((pid) => !hasLambda(pid))];
    const series = [
      of('standby, PSS', waiting, 'Pss'),
      of('idle instance, PSS', used, 'Pss'),
      of('standby, private', waiting, 'Private_Dirty'),
      of('idle instance, private', used, 'Private_Dirty'),
      of('zygote, PSS', [worker.zygote], 'Pss'),
      of('worker, PSS', [worker.pid], 'Pss'),
    ];
    const target = ({ name, samples }: Series) => ({ text: `${name}, MB`, value: median(samples), sense: 'at most', limit: 2.5 }) as const;
    return {
      series,
      baseline: undefined,
      targets: series.slice(0, 2).map(target),
      notes: ['other processes of this host that run the same Python make PSS smaller, not what is private'],
    };
  },
};

/** The lambda's code is attached as a mount of its own. */
function hasLambda(pid: number): boolean {
  return / \/handler /.test(readFileSync(`/proc/${pid}/mountinfo`, 'utf8'));
}

function megabytes(pid: number, field: string): number {
  return Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1]) / 1024;
}
