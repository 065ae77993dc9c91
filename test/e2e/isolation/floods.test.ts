// Floods: a lambda that sends without end is ended; meanwhile the worker's memory stays bounded and its neighbours are answered.
import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { needsRoot, startWorker, suiteOwner, type Worker } from '../worker.ts';
import { callCold, source } from './attempts.ts';
import { residentMib } from './host.ts';

const floods = {
  'empty frames without end': 502,
  'frames of one byte without end': 'cut', // it was a reply already
  'heads without end': 502,
  'ready without end': 502,
  'a body without end': 'cut',
  'log lines without end': 504,
  'windows without end': 502,
  'lines without end': 504,
  'a line without end': 504,
};
/** What the worker may grow by: its buffers, and room for V8's garbage. */
const mostGrowthMib = 256;

describe('a lambda that floods', needsRoot, () => {
  const owner = suiteOwner();
  let worker: Worker;
  before(async () => {
    const lambdas = { attack: source('channel'), neighbour: 'def f(event): return "well"' };
    worker = await startWorker(owner, { lambdas, config: { limits: { runtime_sec: 3 }, log_output: false } });
  });
  for (const [attack, status] of Object.entries(floods)) {
    test(`the worker with ${attack} is ended, and starves nobody`, async (t) => {
      await worker.call('neighbour');
      const before = residentMib(worker.pid);
      let flooding = true;
      const flood = callCold(worker, 'attack', { attack }, 'forked').finally(() => (flooding = false));
      flood.catch(() => {}); // looked at below
      let [answers, most] = [0, before];
      while (flooding) {
        assert.equal((await worker.call('neighbour')).text, '"well"');
        answers++;
        most = Math.max(most, residentMib(worker.pid));
      }
      t.diagnostic(`${answers} answers meanwhile; ${before.toFixed(0)} MiB before, ${most.toFixed(0)} at the most`);
      if (status === 'cut') await assert.rejects(flood, /aborted/);
      else assert.equal((await flood).status, status, (await flood).text);
      assert.ok(most - before < mostGrowthMib, `${before} MiB before, ${most} at the most`);
    });
  }
});
