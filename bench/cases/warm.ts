// A warm call of one client, beside the front end answering by itself and beside two processes that only send a message to and fro.
import { baseline, type Case, python } from '../case.ts';
import { Helper } from '../helper.ts';
import { interleave } from '../interleave.ts';
import { Requester } from '../requester.ts';
import type { CaseResult } from '../result.ts';
import { startFloor } from '../servers.ts';
import { median } from '../statistics.ts';
import { lambda, Worker } from '../worker.ts';

const inARow = 200;

export const warm: Case = {
  title: 'warm call, one client',
  async run(setting): Promise<CaseResult> {
    const worker = await Worker.start(setting, { freeze_after_ms: 60_000 });
    const { port: floorPort } = await startFloor(setting);
    const program = setting.compile('request');
    const common = { program, force: '', expected: lambda.expected, times: inARow };
    const called = new Requester(setting, { ...common, name: 'warm call', port: worker.port, path: '/run/echo' });
    const floor = new Requester(setting, { ...common, name: 'HTTP floor', port: floorPort, path: '/' });
    const pingPong = setting.own(new Helper([python, '-I', baseline('ping_pong.py')]));
    const series = await interleave([floor, called, { name: 'ping-pong', sample: () => pingPong.times(`${inARow}`) }], {
      rounds: setting.rounds(50),
      warmUp: 20, // as many calls as the just-in-time compilers want
      unit: 'us',
    });
    const [floorUs = 0, warmUs = 0, pingPongUs = 0] = series.map(({ samples }) => median(samples));
    if (called.answers.at(-1)?.start !== 'warm') throw new Error('the last call was not warm');
    return {
      series,
      baseline: 'HTTP floor',
      targets: [{ text: 'warm call, us, against floor + 5 x ping-pong', value: warmUs, sense: 'at most', limit: floorUs + 5 * pingPongUs }],
      notes: [called.phaseLine()],
    };
  },
};
