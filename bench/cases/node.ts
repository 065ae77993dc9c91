// The cold start of a Node lambda from a standby, HTTP to HTTP, beside a fresh Node that does nothing.
import type { Case } from '../case.ts';
import { launched } from '../contenders.ts';
import { interleave } from '../interleave.ts';
import { Requester } from '../requester.ts';
import type { CaseResult } from '../result.ts';
import { median } from '../statistics.ts';
import { Worker } from '../worker.ts';

export const node: Case = {
  title: 'Node cold start, HTTP to HTTP',
  async run(setting): Promise<CaseResult> {
    const sources = { 'echo/index.mjs': 'export const f = (event) => event;\n' };
    // An instance ends soon after its answer, so that the next call meets none.
    const worker = await Worker.start(setting, { freeze_after_ms: 10, keep_warm_ms: 10 }, { sources });
    const options = { program: setting.compile('request'), port: worker.port, path: '/run/echo', expected: '{"x":1}', times: 1 };
    const standby = new Requester(setting, { ...options, name: 'standby', force: 'standby' });
    await new Requester(setting, { ...options, name: 'first', force: '' }).ask(); // Node's zygote begins with its first lambda
    for (let i = 0; i < (setting.quick ? 20 : 200); i++) {
      await worker.quiet();
      await standby.ask();
    }
    standby.answers.length = 0;
    const fresh = launched(setting, 'node -e 0', [setting.compile('launch'), process.execPath, '-e', '0']);
    const series = await interleave([fresh, standby], { rounds: setting.rounds(200), warmUp: 3, unit: 'us', settle: () => worker.quiet() });
    const [freshUs = 0, standbyUs = 0] = series.map(({ samples }) => median(samples));
    return {
      series,
      baseline: fresh.name,
      targets: [{ text: 'standby / node -e 0', value: standbyUs / freshUs, sense: 'at most', limit: 0.1 }],
      notes: [standby.phaseLine()],
    };
  },
};
