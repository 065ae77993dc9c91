// What instances do while time passes; the clock is the test's.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fakeClock } from './clock.ts';
import { call, fakeBackend, lambda, room } from './fakes.ts';

test('an idle instance is frozen, thawed by a call, frozen again, and ends after its time', (t) => {
  const clock = fakeClock(t);
  const backend = fakeBackend();
  const fake = lambda(t, backend, { freezeAfterMs: 1000, keepWarmMs: 5000 });
  fake.lambda.invoke(call());
  const [sandbox] = backend.sandboxes;
  sandbox?.answer();
  clock.forward(1000);
  assert.equal(sandbox?.frozen, true);
  const thawed = call();
  fake.lambda.invoke(thawed);
  assert.equal(sandbox.frozen, false);
  sandbox.answer();
  assert.equal(thawed.outcome, 'thawed');
  clock.forward(4999);
  assert.deepEqual([sandbox.frozen, sandbox.isClosed], [true, false]);
  clock.forward(1);
  assert.deepEqual([sandbox.isClosed, fake.lambda.counts.instances], [true, 0]);
});

test('a call over its time fails and is told to stop; its sandbox ends when it does not, and the call that waits gets another', (t) => {
  const clock = fakeClock(t);
  const backend = fakeBackend();
  const fake = lambda(t, backend, { timeLimitMs: 2000, maxInstances: 1 });
  const [slow, waits] = [call(), call()];
  fake.lambda.invoke(slow);
  clock.forward(1000);
  fake.lambda.invoke(waits);
  clock.forward(1000);
  assert.deepEqual([slow.outcome, backend.sandboxes[0]?.cancelled, backend.sandboxes[0]?.isClosed], ['time-limit', 1, false]);
  clock.forward(500);
  assert.deepEqual([backend.sandboxes[0]?.isClosed, backend.sandboxes.length], [true, 2]);
  backend.sandboxes[1]?.answer();
  assert.equal(waits.outcome, 'forked');
});

test('the time of a call does not count against the next one', (t) => {
  const clock = fakeClock(t);
  const backend = fakeBackend();
  const fake = lambda(t, backend, { timeLimitMs: 2000, freezeAfterMs: 10_000 });
  fake.lambda.invoke(call());
  clock.forward(1900);
  backend.sandboxes[0]?.answer();
  const second = call();
  fake.lambda.invoke(second);
  clock.forward(1900);
  assert.equal(second.outcome, undefined);
  backend.sandboxes[0]?.answer();
  assert.equal(second.outcome, 'warm');
});

test('a frozen instance is evicted for another lambda, a busy one is not', (t) => {
  const clock = fakeClock(t);
  const shared = room(1);
  const backend = fakeBackend();
  const [a, b] = [lambda(t, backend, { room: shared }), lambda(t, backend, { room: shared })];
  a.lambda.invoke(call());
  const waits = call();
  b.lambda.invoke(waits);
  assert.deepEqual([backend.sandboxes.length, waits.outcome], [1, undefined]);
  backend.sandboxes[0]?.answer();
  backend.sandboxes[1]?.answer();
  assert.equal(waits.outcome, 'forked');
  clock.forward(1000);
  assert.equal(backend.sandboxes[1]?.frozen, true);
  a.lambda.invoke(call());
  assert.deepEqual([backend.sandboxes[1].isClosed, backend.sandboxes.length], [true, 3]);
});

test('a call that finds no room in its time is told so', (t) => {
  const clock = fakeClock(t);
  const shared = room(1);
  const backend = fakeBackend();
  const [a, b] = [lambda(t, backend, { room: shared, timeLimitMs: 60_000 }), lambda(t, backend, { room: shared, timeLimitMs: 2000 })];
  const [runs, waits] = [call(), call()];
  a.lambda.invoke(runs);
  b.lambda.invoke(waits);
  clock.forward(2000);
  assert.deepEqual([runs.outcome, waits.outcome], [undefined, 'no-room']);
  assert.match(`${waits.why}`, /: the memory for sandboxes \(mem_pool_mb\) was in use$/);
});

test('a call that finds no instance free in its time is told that, not that there is no room', (t) => {
  const clock = fakeClock(t);
  const { lambda: l } = lambda(t, fakeBackend(), { maxInstances: 1, timeLimitMs: 2000 });
  const [runs, waits] = [call(), call()];
  for (const c of [runs, waits]) l.invoke(c);
  clock.forward(2000);
  assert.deepEqual([runs.outcome, waits.outcome], ['time-limit', 'no-instance']);
  assert.match(`${waits.why}`, /: it may have 1, and all were at work$/);
});

test('a call beyond the queue of a lambda for which there is no room is told both', (t) => {
  const shared = room(1);
  const backend = fakeBackend();
  const [a, b] = [lambda(t, backend, { room: shared }), lambda(t, backend, { room: shared, maxQueue: 0 })];
  a.lambda.invoke(call());
  const refused = call();
  b.lambda.invoke(refused);
  assert.equal(refused.outcome, 'no-room');
  assert.match(`${refused.why}`, /: the memory for sandboxes \(mem_pool_mb\) is in use, and the queue of this lambda is full$/);
});

test('a busy instance is not frozen, even when an idle one is to be frozen at once', (t) => {
  const clock = fakeClock(t);
  const backend = fakeBackend();
  const fake = lambda(t, backend, { freezeAfterMs: 0 });
  const slow = call();
  fake.lambda.invoke(slow);
  clock.forward(5);
  assert.equal(backend.sandboxes[0]?.frozen, false);
  backend.sandboxes[0]?.answer();
  assert.equal(slow.outcome, 'forked');
});
