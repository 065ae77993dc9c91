// Other processes: whatever a lambda sends signals to, nobody else is hit. (What it sees of them is in tables/processes.ts.)
import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { needsRoot, startWorker, suiteOwner, type Worker } from '../worker.ts';
import { callCold, coldClasses, type Outcomes, source } from './attempts.ts';

describe('a lambda that kills all it can kills nobody else', needsRoot, () => {
  const owner = suiteOwner();
  let worker: Worker;
  before(async () => {
    const neighbour = 'calls = 0\ndef f(event):\n  global calls\n  calls += 1\n  return calls';
    worker = await startWorker(owner, { lambdas: { attack: source('processes'), neighbour } });
    assert.equal((await worker.call('neighbour')).text, '1');
  });
  for (const [i, start] of coldClasses.entries()) {
    test(start, async () => {
      const { kill_all } = (await callCold(worker, 'attack', { attacks: ['kill_all'] }, start)).json<Outcomes>();
      assert.deepEqual(kill_all, { value: 'killed' });
      assert.equal((await worker.call('neighbour')).text, `${i + 2}`, 'the other instance is the one from before');
    });
  }
});
