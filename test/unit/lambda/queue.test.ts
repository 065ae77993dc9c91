import assert from 'node:assert/strict';
import { test } from 'node:test';
import { WorkerError } from '../../../src/errors.ts';
import { CallQueue } from '../../../src/lambda/queue.ts';
import { fakeClock } from './clock.ts';
import { call, type FakeCall } from './fakes.ts';

interface Rig {
  readonly queue: CallQueue;
  readonly impatient: FakeCall[];
  readonly cancelled: FakeCall[];
}

function rig(patienceMs: number): Rig {
  const [impatient, cancelled]: [FakeCall[], FakeCall[]] = [[], []];
  const queue = new CallQueue({
    patienceMs,
    onImpatient: (c) => impatient.push(c as FakeCall),
    onCancel: (c) => cancelled.push(c as FakeCall),
  });
  return { queue, impatient, cancelled };
}

test('calls leave in their order, past those that are gone', () => {
  const { queue, cancelled } = rig(1000);
  const calls = Array.from({ length: 500 }, () => call());
  for (const c of calls) queue.push(c);
  const gone = calls.filter((_, at) => at % 3 !== 0);
  for (const c of gone) c.cancel?.(new WorkerError('client-gone'));
  assert.deepEqual([queue.length, cancelled], [167, gone]);
  const left: unknown[] = [];
  for (let next = queue.shift(); next !== undefined; next = queue.shift()) left.push(next);
  assert.deepEqual(
    left,
    calls.filter((_, at) => at % 3 === 0),
  );
  assert.ok(calls.every(({ cancel }) => cancel === undefined));
  queue.clear();
});

test('each waits for its own time', (t) => {
  const clock = fakeClock(t);
  const { queue, impatient } = rig(1000);
  const [first, second] = [call(), call()];
  queue.push(first);
  clock.forward(600);
  queue.push(second);
  clock.forward(399);
  assert.deepEqual(impatient, []);
  clock.forward(1);
  assert.deepEqual(impatient, [first]);
  clock.forward(600);
  assert.deepEqual(impatient, [first, second]);
});

test('less patience holds for those that wait already', (t) => {
  const clock = fakeClock(t);
  const { queue, impatient } = rig(60_000);
  const waits = call();
  queue.push(waits);
  clock.forward(500);
  queue.patienceMs = 1000;
  clock.forward(499);
  assert.deepEqual(impatient, []);
  clock.forward(1);
  assert.deepEqual(impatient, [waits]);
});

test('many that have waited in vain are told some at a time', (t) => {
  const clock = fakeClock(t);
  const { queue, impatient } = rig(1000);
  for (let i = 0; i < 1000; i++) queue.push(call());
  clock.forward(1000);
  assert.ok(impatient.length > 0 && impatient.length < 100, `${impatient.length} in one turn`);
  clock.forward(100);
  assert.deepEqual([impatient.length, queue.length], [1000, 0]);
});
