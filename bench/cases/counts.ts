// What one cold start does, counted: system calls, forks, namespaces, mounts, page faults, context switches. Times under strace mean nothing.
import type { Case, Setting } from '../case.ts';
import { bareForkHelper } from '../contenders.ts';
import { pause } from '../interleave.ts';
import { type Counters, counters } from '../proc.ts';
import { Requester } from '../requester.ts';
import type { CaseResult, Series, Target } from '../result.ts';
import { tallies, type Window, wholeTallies, within } from '../tallies.ts';
import { Trace } from '../trace.ts';
import { lambda, Worker } from '../worker.ts';

const classes = ['standby', 'forked'] as const;
/** Long enough, under strace too, for the next standby and slot to be there. Asking the worker would be counted. */
const restMs = 250;

export const counts: Case = {
  title: 'what one cold start does',
  async run(setting): Promise<CaseResult> {
    const starts = setting.rounds(20);
    const series: Series[] = [];
    const targets: Target[] = [];
    for (const start of classes) {
      const worker = await Worker.start(setting, { max_instances: 1000, freeze_after_ms: 60_000 });
      const program = setting.compile('request');
      const options = { program, name: start, port: worker.port, path: '/run/echo', force: start, expected: lambda.expected, times: 1 };
      const requester = new Requester(setting, options);
      for (let i = 0; i < 10; i++) {
        await worker.quiet(i);
        await requester.ask();
      }
      await worker.quiet(10);
      series.push(...(await kernelCounters(worker, requester, starts)));
      const calls = await traced(setting, worker, requester, starts);
      series.push(...calls.series);
      targets.push(...calls.targets);
      await worker.close();
    }
    series.push(...(await bareCounters(setting, starts)));
    return { series, baseline: undefined, targets, notes: ['"on the path": from before the request is sent until its reply is read'] };
  },
};

/** Page faults and switches until the reply has been read, without strace. */
async function kernelCounters(worker: Worker, requester: Requester, starts: number): Promise<Series[]> {
  const [faults, leafSwitches, workerSwitches] = [[], [], []] as [number[], number[], number[]];
  for (let i = 0; i < starts; i++) {
    await pause(restMs);
    const known = new Map<number, Counters>();
    for (const pid of worker.sandboxes().values()) known.set(pid, counters(pid));
    const before = counters(worker.pid);
    await requester.ask();
    const after = counters(worker.pid);
    workerSwitches.push(after.switches - before.switches);
    for (const pid of worker.sandboxes().values()) {
      const [was, is] = [known.get(pid), counters(pid)];
      // The one that answered: a standby that was there and has gone on, or one that was not there. New standbys are not meant.
      const mine = requester.name === 'standby' ? was !== undefined && is.switches > was.switches : was === undefined;
      if (!mine) continue;
      faults.push(is.faults - (was?.faults ?? 0));
      leafSwitches.push(is.switches - (was?.switches ?? 0));
    }
  }
  return [
    count(`${requester.name}: page faults of the child`, faults),
    count(`${requester.name}: context switches of the child`, leafSwitches),
    count(`${requester.name}: context switches of the worker`, workerSwitches),
  ];
}

async function bareCounters(setting: Setting, starts: number): Promise<Series[]> {
  const helper = bareForkHelper(setting);
  const answers = [];
  for (let i = 0; i < starts; i++) answers.push(await helper.ask('one'));
  return [
    count(
      'bare fork: page faults of the child',
      answers.map(({ faults = 0 }) => faults),
    ),
    count(
      'bare fork: context switches of the child',
      answers.map(({ switches = 0 }) => switches),
    ),
  ];
}

/** The same starts once more, under strace. */
async function traced(
  setting: Setting,
  worker: Worker,
  requester: Requester,
  starts: number,
): Promise<{ series: Series[]; targets: Target[] }> {
  const who = { worker: new Set(worker.threads()), zygote: worker.zygote };
  const trace = await Trace.start(setting, [worker.pid, who.zygote]);
  const windows: Window[] = [];
  for (let i = 0; i < starts; i++) {
    await pause(restMs);
    const { at = 0, ns = [] } = await requester.ask();
    windows.push({ from: at, to: at + (ns[0] ?? 0) });
  }
  await pause(restMs);
  const idle = { from: Date.now() * 1e6, to: Date.now() * 1e6 + restMs * 1e6 };
  await pause(restMs + 50);
  const calls = await trace.stop();
  const series: Series[] = [];
  const targets: Target[] = [];
  const tell = (text: string, samples: readonly number[], limit?: number): void => {
    const row = count(`${requester.name}: ${text}`, samples);
    series.push(row);
    if (limit !== undefined) targets.push({ text: row.name, value: Math.max(...samples), sense: 'at most', limit });
  };
  const onPath = windows.map((window) => within(calls, window));
  for (const [text, tally, limit] of tallies(who, requester.name === 'forked' ? 1 : 0))
    tell(`${text}, on the path`, onPath.map(tally), limit);
  // From one start to the next, with the standby and the slot that replace what it used; what an idle worker does is taken off.
  const busy = { from: windows[0]?.from ?? 0, to: idle.from };
  const atRest = (busy.to - busy.from) / (idle.to - idle.from);
  for (const [text, tally, limit] of wholeTallies(who))
    tell(`${text}, in all`, [(tally(within(calls, busy)) - tally(within(calls, idle)) * atRest) / starts], limit);
  return { series, targets };
}

function count(name: string, samples: readonly number[]): Series {
  return { name, unit: 'count', samples };
}
