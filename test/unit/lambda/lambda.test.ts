import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as immediate } from 'node:timers/promises';
import { WorkerError } from '../../../src/errors.ts';
import type { Resolved } from '../../../src/registry/registry.ts';
import { fakeClock } from './clock.ts';
import { call, code, fakeBackend, lambda, room } from './fakes.ts';

test('a call is answered by a sandbox of its own, the next one by the same', (t) => {
  const backend = fakeBackend();
  const fake = lambda(t, backend);
  const [first, second] = [call(), call()];
  fake.lambda.invoke(first);
  backend.sandboxes[0]?.answer();
  fake.lambda.invoke(second);
  backend.sandboxes[0]?.answer();
  assert.deepEqual([first.outcome, second.outcome, backend.sandboxes.length], ['forked', 'warm', 1]);
});

test('calls beyond max_instances wait, and are answered in their order as instances become free', (t) => {
  const backend = fakeBackend();
  const fake = lambda(t, backend, { maxInstances: 1 });
  const calls = [call(), call(), call()];
  for (const c of calls) fake.lambda.invoke(c);
  assert.equal(backend.sandboxes.length, 1);
  for (let answered = 1; answered <= 3; answered++) {
    backend.sandboxes[0]?.answer();
    assert.equal(calls.filter((c) => c.outcome !== undefined).length, answered);
    assert.notEqual(calls[answered - 1]?.outcome, undefined);
  }
});

test('a call beyond the queue is refused at once', (t) => {
  const fake = lambda(t, fakeBackend(), { maxInstances: 1, maxQueue: 1 });
  const calls = [call(), call(), call()];
  for (const c of calls) fake.lambda.invoke(c);
  assert.deepEqual(
    calls.map((c) => c.outcome),
    [undefined, undefined, 'queue-full'],
  );
});

test('a sandbox that dies fails its own call only, and the one that waits gets a new one', (t) => {
  const backend = fakeBackend();
  const fake = lambda(t, backend, { maxInstances: 1 });
  const [first, second] = [call(), call()];
  fake.lambda.invoke(first);
  fake.lambda.invoke(second);
  backend.sandboxes[0]?.die();
  assert.deepEqual([first.outcome, second.outcome, backend.sandboxes.length], ['sandbox-died', undefined, 2]);
  backend.sandboxes[1]?.answer();
  assert.equal(second.outcome, 'forked');
  assert.equal(fake.lambda.counts.instances, 1);
});

test('new code ends idle instances at once, busy ones when they have answered', (t) => {
  const backend = fakeBackend();
  let current = code('old');
  const fake = lambda(t, backend, { resolve: () => current, registryCacheMs: 0 });
  const [idle, busy, next] = [call(), call(), call()];
  fake.lambda.invoke(idle);
  fake.lambda.invoke(busy);
  backend.sandboxes[0]?.answer();
  current = code('new');
  fake.lambda.invoke(next);
  const closed = () => backend.sandboxes.map((sandbox) => sandbox.isClosed);
  assert.deepEqual(closed(), [true, false, false]);
  assert.equal(backend.sandboxes[2]?.spec.code.digest, 'new');
  backend.sandboxes[1]?.answer();
  assert.equal(busy.outcome, 'forked');
  assert.deepEqual(closed(), [true, true, false]);
  assert.deepEqual(
    [...fake.retained],
    [
      ['old', 0],
      ['new', 2],
    ],
  );
});

test('a call that is cancelled while it runs is told to the sandbox, which is used again when it heeds that', (t) => {
  const backend = fakeBackend();
  const fake = lambda(t, backend);
  const [gone, next] = [call(), call()];
  fake.lambda.invoke(gone);
  gone.cancel?.(new WorkerError('client-gone'));
  const [sandbox] = backend.sandboxes;
  assert.deepEqual([gone.outcome, sandbox?.cancelled, sandbox?.isClosed], ['client-gone', 1, false]);
  sandbox?.answer();
  fake.lambda.invoke(next);
  sandbox?.answer();
  assert.deepEqual([next.outcome, backend.sandboxes.length], ['warm', 1]);
});

test('an instance that does not heed a cancel ends', (t) => {
  const clock = fakeClock(t);
  const backend = fakeBackend();
  const fake = lambda(t, backend);
  const gone = call();
  fake.lambda.invoke(gone);
  gone.cancel?.(new WorkerError('client-gone'));
  clock.forward(499);
  assert.equal(backend.sandboxes[0]?.isClosed, false);
  clock.forward(1);
  assert.deepEqual([backend.sandboxes[0]?.isClosed, fake.lambda.counts.instances], [true, 0]);
});

test('a client that goes away while its call waits leaves the queue', (t) => {
  const backend = fakeBackend();
  const fake = lambda(t, backend, { maxInstances: 1 });
  const [runs, gone, waits] = [call(), call(), call()];
  for (const c of [runs, gone, waits]) fake.lambda.invoke(c);
  gone.cancel?.(new WorkerError('client-gone'));
  backend.sandboxes[0]?.answer();
  backend.sandboxes[0]?.answer();
  assert.deepEqual([gone.outcome, waits.outcome], ['client-gone', 'warm']);
});

test('a lambda is not forgotten while one of its calls still waits for the code', async (t) => {
  const backend = fakeBackend();
  const coming: { resolve?: (resolved: Resolved) => void } = {};
  const resolving = new Promise<Resolved>((resolve) => (coming.resolve = resolve));
  const fake = lambda(t, backend, { resolve: () => resolving });
  const [gone, stays] = [call(), call()];
  fake.lambda.invoke(gone);
  fake.lambda.invoke(stays);
  gone.cancel?.(new WorkerError('client-gone'));
  coming.resolve?.(code('one'));
  await immediate();
  backend.sandboxes[0]?.answer();
  assert.deepEqual([gone.outcome, stays.outcome, fake.emptied], ['client-gone', 'forked', 0]);
});

test('an unknown lambda is forgotten at once', (t) => {
  const fake = lambda(t, fakeBackend(), {
    resolve: () => {
      throw new WorkerError('lambda-unknown');
    },
  });
  const unknown = call();
  fake.lambda.invoke(unknown);
  assert.deepEqual([unknown.outcome, fake.emptied], ['lambda-unknown', 1]);
});

test('a room that another lambda gives up goes to the call that waits for it, past one that is gone', (t) => {
  const shared = room(1);
  const backend = fakeBackend();
  const [a, b, c] = [lambda(t, backend, { room: shared }), lambda(t, backend, { room: shared }), lambda(t, backend, { room: shared })];
  const [runs, gone, waits] = [call(), call(), call()];
  a.lambda.invoke(runs);
  b.lambda.invoke(gone);
  c.lambda.invoke(waits);
  gone.cancel?.(new WorkerError('client-gone'));
  backend.sandboxes[0]?.answer();
  assert.equal(backend.sandboxes[0]?.isClosed, true);
  backend.sandboxes[1]?.answer();
  assert.equal(waits.outcome, 'forked');
});

test('two lambdas that wait for room are both answered, one after the other', (t) => {
  const shared = room(1);
  const backend = fakeBackend();
  const [a, b, c] = [lambda(t, backend, { room: shared }), lambda(t, backend, { room: shared }), lambda(t, backend, { room: shared })];
  const [runs, first, second] = [call(), call(), call()];
  a.lambda.invoke(runs);
  b.lambda.invoke(first);
  c.lambda.invoke(second);
  for (let i = 0; i < 3; i++) backend.sandboxes[i]?.answer();
  assert.deepEqual([runs.outcome, first.outcome, second.outcome], ['forked', 'forked', 'forked']);
  assert.deepEqual(shared.counts, { takenBytes: 50 << 20, mostBytes: 50 << 20, waiting: 0, evictions: 2 });
});

test('closing fails what waits and what runs, once', async (t) => {
  const backend = fakeBackend();
  const fake = lambda(t, backend, { maxInstances: 1 });
  const [runs, waits] = [call(), call()];
  fake.lambda.invoke(runs);
  fake.lambda.invoke(waits);
  await fake.lambda.close();
  assert.deepEqual([runs.outcome, waits.outcome, backend.sandboxes[0]?.isClosed], ['draining', 'draining', true]);
  assert.deepEqual([...fake.retained.values()], [0]);
});

test('when the registry is down, code that is on the node serves, and only that', (t) => {
  const backend = fakeBackend();
  let down = false;
  const resolve = (): Resolved => {
    if (down) throw new WorkerError('registry-unavailable');
    return code('one');
  };
  const fake = lambda(t, backend, { resolve, registryCacheMs: 0 });
  const [before, during] = [call(), call()];
  fake.lambda.invoke(before);
  backend.sandboxes[0]?.answer();
  down = true;
  fake.lambda.invoke(during);
  backend.sandboxes[0]?.answer();
  const other = lambda(t, backend, { resolve });
  const unseen = call();
  other.lambda.invoke(unseen);
  assert.deepEqual([before.outcome, during.outcome, unseen.outcome], ['forked', 'warm', 'registry-unavailable']);
});
