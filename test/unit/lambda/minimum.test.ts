// Instances that are kept ready although no call asks for them.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as immediate } from 'node:timers/promises';
import { WorkerError } from '../../../src/errors.ts';
import type { CatalogEvents } from '../../../src/lambda/events.ts';
import { fakeClock } from './clock.ts';
import { call, code, codeWith, FakeSandbox, fakeBackend, lambda, room } from './fakes.ts';

/** Notes why no instance could be made ready. */
function noting(failures: string[]): CatalogEvents {
  return { onColdStart: () => {}, onEvict: () => {}, onWarmUpFailed: (_, { code: why }) => void failures.push(why), onWarning: () => {} };
}

test('the minimum is started at once as soon as the code is known, with the handler loaded and nothing called', async (t) => {
  const backend = fakeBackend();
  const resolved = codeWith(t, 'one', 'instances: {min: 3}');
  const fake = lambda(t, backend, { resolve: () => resolved });
  await fake.lambda.look();
  await immediate();
  assert.deepEqual(
    backend.sandboxes.map(({ request_ }) => request_?.loadOnly),
    [true, true, true],
  );
  for (const sandbox of backend.sandboxes) sandbox.answer();
  const first = call();
  fake.lambda.invoke(first);
  backend.sandboxes.at(-1)?.answer();
  assert.deepEqual([first.outcome, backend.sandboxes.length, fake.lambda.counts.calls], ['warm', 3, 1]);
});

test('the instance of the call with which the code came is one of the minimum', async (t) => {
  const backend = fakeBackend();
  const resolved = codeWith(t, 'one', 'instances: {min: 2}');
  const fake = lambda(t, backend, { resolve: () => resolved });
  fake.lambda.invoke(call());
  await immediate();
  assert.deepEqual(
    backend.sandboxes.map(({ request_ }) => request_?.loadOnly),
    [false, true],
  );
});

test('the minimum is frozen but does not expire; what is beyond it does', async (t) => {
  const backend = fakeBackend();
  const resolved = codeWith(t, 'one', 'instances: {min: 1}');
  const clock = fakeClock(t);
  const fake = lambda(t, backend, { resolve: () => resolved, freezeAfterMs: 1000, keepWarmMs: 5000 });
  fake.lambda.invoke(call());
  fake.lambda.invoke(call());
  for (const sandbox of backend.sandboxes) sandbox.answer();
  clock.forward(60_000);
  assert.deepEqual(fake.lambda.counts, { instances: 1, busy: 0, idle: 0, frozen: 1, queued: 0, calls: 2 });
  const thawed = call();
  fake.lambda.invoke(thawed);
  backend.sandboxes.find(({ isClosed }) => !isClosed)?.answer();
  assert.equal(thawed.outcome, 'thawed');
  clock.forward(60_000);
  assert.equal(fake.lambda.counts.frozen, 1, 'still, after it was used');
});

test('one of the minimum that dies of a call is replaced', async (t) => {
  const backend = fakeBackend();
  const resolved = codeWith(t, 'one', 'instances: {min: 1}');
  const fake = lambda(t, backend, { resolve: () => resolved });
  fake.lambda.invoke(call());
  await immediate();
  backend.sandboxes[0]?.die();
  assert.deepEqual([backend.sandboxes.length, backend.sandboxes[1]?.request_?.loadOnly], [2, true]);
});

test('a warm-up that fails ends its instance and is not repeated until the code changes', async (t) => {
  const backend = fakeBackend();
  const failures: string[] = [];
  let resolved = codeWith(t, 'one', 'instances: {min: 1}');
  const fake = lambda(t, backend, { resolve: () => resolved, registryCacheMs: 0, events: noting(failures) });
  await fake.lambda.look();
  await immediate();
  backend.sandboxes[0]?.request_?.failed(new WorkerError('handler-raised'));
  await immediate();
  assert.deepEqual([backend.sandboxes.length, backend.sandboxes[0]?.isClosed, failures], [1, true, ['handler-raised']]);
  resolved = codeWith(t, 'two', 'instances: {min: 1}');
  await fake.lambda.look();
  await immediate();
  assert.deepEqual([backend.sandboxes.length, backend.sandboxes[1]?.spec.code.digest], [2, 'two']);
});

test('an instance that dies without having been called is told of, and not replaced again and again', async (t) => {
  const backend = fakeBackend();
  const failures: string[] = [];
  const resolved = codeWith(t, 'one', 'instances: {min: 1}');
  const fake = lambda(t, backend, { resolve: () => resolved, events: noting(failures) });
  await fake.lambda.look();
  await immediate();
  backend.sandboxes[0]?.answer();
  backend.sandboxes[0]?.spec.onDeath();
  await immediate();
  assert.deepEqual([backend.sandboxes.length, failures], [1, ['sandbox-died']]);
});

test('none is started while the worker drains', async (t) => {
  const backend = fakeBackend();
  const resolved = codeWith(t, 'one', 'instances: {min: 2}');
  const fake = lambda(t, backend, { resolve: () => resolved, mayWarmUp: () => false });
  await fake.lambda.look();
  await immediate();
  assert.equal(backend.sandboxes.length, 0);
});

test('where memory is short the minimum goes last, for a call only, and comes back when there is room', async (t) => {
  const backend = fakeBackend();
  const shared = room(2);
  const promised = codeWith(t, 'promised', 'instances: {min: 1}');
  const a = lambda(t, backend, { resolve: () => promised, room: shared });
  const b = lambda(t, backend, { resolve: () => code('b'), room: shared });
  await a.lambda.look();
  await immediate();
  const [kept] = backend.sandboxes;
  kept?.answer();
  b.lambda.invoke(call());
  backend.sandboxes[1]?.answer();
  const c = lambda(t, backend, { resolve: () => code('c'), room: shared });
  const third = call();
  c.lambda.invoke(third);
  assert.deepEqual([kept?.isClosed, backend.sandboxes[1]?.isClosed], [false, true], 'the one that nobody is promised goes first');
  const fourth = call();
  b.lambda.invoke(fourth);
  assert.equal(kept?.isClosed, true, 'for a call it goes, when there is nothing else');
  assert.equal(a.lambda.counts.instances, 0);
  backend.sandboxes[2]?.answer();
  assert.deepEqual([a.lambda.counts.instances, backend.sandboxes.at(-1)?.request_?.loadOnly], [1, true]);
});

test('with reuse-sandbox: false the warm-up is not the one call of an instance', async (t) => {
  const backend = fakeBackend();
  const resolved = codeWith(t, 'one', 'instances: {min: 1}\nreuse-sandbox: false');
  const fake = lambda(t, backend, { resolve: () => resolved });
  await fake.lambda.look();
  await immediate();
  backend.sandboxes[0]?.answer();
  const first = call();
  fake.lambda.invoke(first);
  backend.sandboxes[0]?.answer();
  assert.deepEqual([first.outcome, backend.sandboxes[0]?.isClosed, backend.sandboxes.length], ['warm', true, 2]);
});

test('a warm-up of old code that dies keeps nobody from starting the minimum of the new', async (t) => {
  const backend = fakeBackend();
  const failures: string[] = [];
  let resolved = codeWith(t, 'old', 'instances: {min: 1}');
  const fake = lambda(t, backend, { resolve: () => resolved, registryCacheMs: 0, events: noting(failures) });
  await fake.lambda.look();
  await immediate();
  resolved = codeWith(t, 'new', 'instances: {min: 1}');
  await fake.lambda.look();
  backend.sandboxes[0]?.spec.onDeath(); // while it loads the old code
  await immediate();
  assert.deepEqual([backend.sandboxes.map(({ spec }) => spec.code.digest), failures], [['old', 'new'], []]);
});

test('a warm-up that its sandbox cannot be given is told of, and leaves nothing behind', async (t) => {
  const backend = fakeBackend();
  const failures: string[] = [];
  const resolved = codeWith(t, 'one', 'instances: {min: 1}');
  t.mock.method(FakeSandbox.prototype, 'request', () => {
    throw new WorkerError('start-failed');
  });
  const fake = lambda(t, backend, { resolve: () => resolved, events: noting(failures) });
  await fake.lambda.look();
  await immediate();
  assert.deepEqual([failures, backend.sandboxes[0]?.isClosed, fake.lambda.counts.instances], [['start-failed'], true, 0]);
});
