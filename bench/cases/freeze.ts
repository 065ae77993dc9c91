// What freezing an idle instance costs, and what a call pays that meets a frozen one.
import { closeSync, openSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { Case } from '../case.ts';
import { type Contender, interleave, pause } from '../interleave.ts';
import { Requester } from '../requester.ts';
import type { CaseResult } from '../result.ts';
import { median } from '../statistics.ts';
import { lambda, Worker } from '../worker.ts';

const idleMs = 20;

export const freeze: Case = {
  title: 'a call that meets a frozen instance',
  async run(setting): Promise<CaseResult> {
    const program = setting.compile('request');
    // Two workers: in one an instance freezes while it idles for that time, in the other it does not.
    const [freezing, staying] = [
      await Worker.start(setting, { freeze_after_ms: 5 }),
      await Worker.start(setting, { freeze_after_ms: 60_000 }),
    ];
    const call = (worker: Worker, name: string): Requester =>
      new Requester(setting, { program, name, port: worker.port, path: '/run/echo', force: '', expected: lambda.expected, times: 1 });
    const [thawed, warm] = [call(freezing, 'thawed call'), call(staying, 'warm call')];
    for (const requester of [thawed, warm]) await requester.ask(); // there is one instance of each from here on
    const calls = await interleave([warm, thawed], {
      rounds: setting.rounds(300),
      warmUp: 10,
      unit: 'us',
      settle: () => pause(idleMs),
    });
    for (const [requester, start] of [
      [thawed, 'thawed'],
      [warm, 'warm'],
    ] as const)
      if (requester.answers.at(-1)?.start !== start) throw new Error(`a call was ${requester.answers.at(-1)?.start}, not ${start}`);

    const alone = await interleave(freezer(instanceOf(staying)), {
      rounds: setting.rounds(300),
      warmUp: 10,
      unit: 'us',
      settle: () => pause(2),
    });
    const [warmUs = 0, thawedUs = 0] = calls.map(({ samples }) => median(samples));
    return {
      series: [...calls, ...alone],
      baseline: 'warm call',
      targets: [{ text: 'thawed - warm, us', value: thawedUs - warmUs, sense: 'at most', limit: 100 }],
      notes: [`both calls after ${idleMs} ms without one`],
    };
  },
};

// The directory of the cgroup in which the worker's one instance is.
function instanceOf(worker: Worker): string {
  for (const [directory, pid] of worker.sandboxes())
    if (/ \/handler /.test(readFileSync(`/proc/${pid}/mountinfo`, 'utf8'))) return directory;
  throw new Error('find the instance: it is gone');
}

/** The two writes to cgroup.freeze, in turn, and how long until the kernel says that all is frozen. */
function freezer(directory: string): Contender[] {
  const written = (value: '1' | '0'): number => {
    const fd = openSync(join(directory, 'cgroup.freeze'), 'w');
    const from = process.hrtime.bigint();
    writeSync(fd, value);
    const took = process.hrtime.bigint() - from;
    closeSync(fd);
    return Number(took) / 1000;
  };
  const frozen = (): boolean => readFileSync(join(directory, 'cgroup.events'), 'utf8').includes('frozen 1');
  return [
    {
      name: 'freeze, the write',
      async sample() {
        const took = written('1');
        while (!frozen());
        await pause(1);
        written('0');
        return [took];
      },
    },
    {
      name: 'thaw, the write',
      async sample() {
        written('1');
        while (!frozen());
        await pause(1);
        return [written('0')];
      },
    },
    {
      name: 'until frozen',
      async sample() {
        const from = process.hrtime.bigint();
        written('1');
        while (!frozen());
        const took = Number(process.hrtime.bigint() - from) / 1000;
        written('0');
        return [took];
      },
    },
  ];
}
