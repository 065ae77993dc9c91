// Python cold start, HTTP to HTTP, by start class, beside the bare fork and a fresh interpreter. A fresh sandbox each time.
import { type Case, python } from '../case.ts';
import { bareFork, launched } from '../contenders.ts';
import { interleave } from '../interleave.ts';
import { Requester } from '../requester.ts';
import type { CaseResult, Series } from '../result.ts';
import { median } from '../statistics.ts';
import { lambda, Worker } from '../worker.ts';

const classes = ['standby', 'forked', 'spawned'] as const;

export const cold: Case = {
  title: 'Python cold start, HTTP to HTTP',
  async run(setting): Promise<CaseResult> {
    // An instance ends soon after its answer, so that the next call meets none.
    const worker = await Worker.start(setting, { freeze_after_ms: 10, keep_warm_ms: 10 });
    const program = setting.compile('request');
    const requesters = classes.map(
      (force) =>
        new Requester(setting, { program, name: force, port: worker.port, path: '/run/echo', force, expected: lambda.expected, times: 1 }),
    );
    await warmUp(worker, requesters, setting.quick ? 100 : 400);
    const fresh = launched(setting, 'python3 -I -c pass', [setting.compile('launch'), python, '-I', '-c', 'pass']);
    const series = await interleave([bareFork(setting), ...requesters, fresh], {
      rounds: setting.rounds(200),
      warmUp: 3,
      unit: 'us',
      settle: () => worker.quiet(),
    });
    const of = (name: string): number => median(series.find((s: Series) => s.name === name)?.samples ?? []);
    const bare = of('bare fork');
    return {
      series,
      baseline: 'bare fork',
      targets: [
        { text: 'standby / bare fork', value: of('standby') / bare, sense: 'at most', limit: 0.3 },
        { text: 'fresh python / standby', value: of(fresh.name) / of('standby'), sense: 'at least', limit: 15 },
        { text: 'forked / bare fork', value: of('forked') / bare, sense: 'at most', limit: 1.4 },
      ],
      // What the client has beyond the sum is HTTP: its own, the kernel's and the engine's.
      notes: requesters.map((requester) => requester.phaseLine()),
    };
  },
};

// A worker that has just started runs its own code interpreted; what is of interest is one that has been at work.
async function warmUp(worker: Worker, requesters: readonly Requester[], times: number): Promise<void> {
  for (const requester of requesters.filter(({ name }) => name !== 'spawned')) {
    for (let i = 0; i < times; i++) {
      await worker.quiet();
      await requester.ask();
    }
    requester.answers.length = 0;
  }
}
