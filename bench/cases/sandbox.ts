// Creating and destroying a sandbox with all isolation on and no interpreter in it, beside the bare clone3 and beside other programs that do that.
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Phases } from '../../src/observe/phases.ts';
import type { SockBackend } from '../../src/sandbox/sock/backend.ts';
import { cgroup2Mount } from '../../src/sandbox/sock/cgroups.ts';
import { loadNative, packageRoot } from '../../src/sandbox/sock/native.ts';
import { UidRange } from '../../src/sandbox/sock/uids.ts';
import { startBareBackend } from '../bare-backend.ts';
import type { Case, Setting } from '../case.ts';
import { Helper } from '../helper.ts';
import { type Contender, interleave, pause } from '../interleave.ts';
import { peers } from '../peers.ts';
import type { CaseResult, Target } from '../result.ts';
import { median } from '../statistics.ts';
import { lambda } from '../worker.ts';

export const sandbox: Case = {
  title: 'create and destroy a sandbox, without an interpreter',
  async run(setting): Promise<CaseResult> {
    const others = peers(setting);
    const { backend, directory } = await startBareBackend(setting);
    const code = join(setting.directory, 'code');
    mkdirSync(code);
    const worker = byWorker(backend, code);
    for (let i = 0; i < (setting.quick ? 100 : 400); i++) await worker.contender.sample().then(() => quiet(backend)); // until our own code is compiled
    worker.phases.clear();
    const core = byCore(setting, directory, code);
    const turns = { warmUp: 5, unit: 'us', settle: () => quiet(backend) } as const;
    const contenders = [...bareClones(setting), core.contender, worker.contender, ...others.fast.contenders];
    const series = [...(await interleave(contenders, { ...turns, rounds: setting.rounds(200) }))];
    series.push(...(await interleave(others.docker.contenders, { ...turns, rounds: setting.rounds(20) })));
    const of = (name: string): number => median(series.find((s) => s.name === name)?.samples ?? []);
    const ours = of(core.contender.name);
    const faster = (name: string, limit: number): Target[] =>
      series.some((s) => s.name === name) ? [{ text: `${name} / sandbox`, value: of(name) / ours, sense: 'at least', limit }] : [];
    return {
      series,
      baseline: 'clone3, namespaces',
      targets: [
        { text: 'sandbox / clone3 with its namespaces', value: ours / of('clone3, namespaces'), sense: 'at most', limit: 1.5 },
        ...faster('crun run', 5),
        ...faster('docker run', 50),
      ],
      notes: [phaseLine(core), phaseLine(worker), ...others.fast.notes, ...others.docker.notes],
    };
  },
};

function bareClones(setting: Setting): Contender[] {
  const program = setting.compile('bare_clone');
  const ways = { fork: 'clone3, no namespace', namespaces: 'clone3, namespaces', network: 'clone3, new network too' };
  return Object.entries(ways).map(([way, name]) => {
    const helper = setting.own(new Helper([program]));
    return { name, sample: () => helper.times(way) };
  });
}

/** A contender, and its samples' parts in microseconds. */
interface InPhases {
  readonly contender: Contender;
  readonly phases: Map<string, number[]>;
}

/** A sandbox by itself, timed as the bare clones are: by native/bare/sandbox_bench.cc. */
function byCore(setting: Setting, directory: string, code: string): InPhases {
  const phases = new Map<string, number[]>();
  const uids = setting.own(UidRange.claim(loadNative()));
  const uid = uids.take(2) ?? -1;
  // Nobody else has the uid, so nobody else this cgroup: what is in it has been left there by a run that was killed.
  const cgroup = join(cgroup2Mount(readFileSync('/proc/mounts', 'utf8')) ?? '', `sock-bench-${uid}`);
  const helper = setting.own(new Helper([join(packageRoot(), 'build/Release/sandbox_bench'), directory, code, cgroup, `${uid}`]));
  const sample = async (): Promise<number[]> => {
    const answer = await helper.ask('');
    for (const [name, ns] of Object.entries(answer.phases ?? {})) phases.set(name, [...(phases.get(name) ?? []), ns / 1000]);
    return (answer.ns ?? []).map((ns) => ns / 1000);
  };
  return { contender: { name: 'sandbox', sample }, phases };
}

const plainSpec = { environment: {}, entry: {}, concurrency: 1, limits: undefined, zygote: false };
const plainHead = { id: 'bench-1', method: 'POST', root: '/run/bench', path: '', query: '', headers: [], client: '127.0.0.1' };

/** The same as the worker does it, its event loop included. */
function byWorker(backend: SockBackend, dir: string): InPhases {
  const phases = new Map<string, number[]>();
  const body = Buffer.from(lambda.body);
  const spec = {
    ...plainSpec,
    lambda: 'bench',
    code: { digest: '0'.repeat(64), dir },
    cold: 'forked',
    onLine: () => {},
    onDeath: () => {},
  } as const;
  const sample = (): Promise<number[]> =>
    new Promise((resolve, reject) => {
      const from = performance.now();
      const times = new Phases(from);
      const made = backend.create(spec);
      made.request({
        head: plainHead,
        body: { first: body, rest: undefined },
        deadline: from + 30_000,
        loadOnly: false,
        phases: times,
        failed: reject,
        begun: () => reject(new Error('a sandbox streams its answer')),
        chunk: () => {},
        ended: () => {},
        answered: (reply) => {
          times.mark('answer');
          if (!body.equals(reply.body)) return reject(new Error(`a sandbox answered "${Buffer.from(reply.body)}"`));
          void made.close();
          void made.closed.then(() => {
            times.mark('destroy');
            for (const [name, ms] of times.list) phases.set(name, [...(phases.get(name) ?? []), ms * 1000]);
            resolve([(performance.now() - from) * 1000]);
          });
        },
      });
    });
  return { contender: { name: 'sandbox, by the worker', sample }, phases };
}

async function quiet(backend: SockBackend): Promise<void> {
  for (;;) {
    const { slots } = backend.status() as { slots: { coming: number; inUse: number } };
    await pause(2);
    if (slots.coming === 0 && slots.inUse === 0) return;
  }
}

function phaseLine({ contender, phases }: InPhases): string {
  return `${contender.name}, us: ${[...phases].map(([name, us]) => `${name} ${median(us).toFixed(0)}`).join(', ')}`;
}
