// What happens in one instance when its calls, its clients and its sandbox do things at awkward times.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { WorkerError } from '../../../src/errors.ts';
import type { RequestBody } from '../../../src/sandbox/sandbox.ts';
import { fakeClock } from './clock.ts';
import { call, codeWith, type FakeBackend, type FakeCall, type FakeLambda, FakeSandbox, fakeBackend, lambda, room } from './fakes.ts';

const gone = () => new WorkerError('client-gone');

test('with concurrency a running instance is filled before another is started, the fullest first', (t) => {
  const backend = fakeBackend();
  const resolved = codeWith(t, 'one', 'concurrency: 2');
  const fake = lambda(t, backend, { resolve: () => resolved });
  const calls = Array.from({ length: 5 }, () => call());
  for (const c of calls) fake.lambda.invoke(c);
  const loads = () => backend.sandboxes.map(({ requests }) => requests.length);
  assert.deepEqual(loads(), [2, 2, 1]);
  for (const request of backend.sandboxes[0]?.requests ?? []) request.answered({ status: 200, headers: [], body: new Uint8Array(0) });
  fake.lambda.invoke(call());
  assert.deepEqual(loads(), [2, 2, 2], 'the one at work, not the idle one');
  fake.lambda.invoke(call());
  assert.deepEqual(loads(), [3, 2, 2]);
});

test('whether a handler takes bodies whole is known when one has answered, and asked anew of other code', async (t) => {
  const backend = fakeBackend();
  for (const [streams, known] of [
    [true, false],
    [false, true],
  ] as const) {
    let resolved = codeWith(t, 'one', '');
    const fake = lambda(t, backend, { resolve: () => resolved });
    fake.lambda.invoke(call());
    const sandbox = backend.sandboxes.at(-1);
    assert.equal(fake.lambda.takesWhole, false, 'nobody knows');
    if (streams) sandbox?.request_?.streams?.();
    sandbox?.answer();
    assert.equal(fake.lambda.takesWhole, known);
    resolved = codeWith(t, 'two', '');
    await fake.lambda.look();
    assert.equal(fake.lambda.takesWhole, false);
  }
});

test('a time limit leaves one timer behind, however often it is met', (t) => {
  const clock = fakeClock(t);
  const backend = fakeBackend();
  const fake = lambda(t, backend, { timeLimitMs: 1000, freezeAfterMs: 600_000, keepWarmMs: 600_000 });
  let set = 0;
  for (let i = 0; i < 5; i++) {
    fake.lambda.invoke(call());
    clock.forward(1000);
    backend.sandboxes[0]?.answer(); // heeds the cancel
  }
  const { setTimeout: counted } = globalThis;
  t.mock.method(globalThis, 'setTimeout', (...given: Parameters<typeof setTimeout>) => {
    set++;
    return counted(...given);
  });
  clock.forward(10_000);
  assert.ok(set <= 11, `${set} timers were set in ten time limits`);
  assert.equal(backend.sandboxes.length, 1);
});

test('beside others one that does not heed its cancel is left to itself: the instance takes no more, and ends with the others', (t) => {
  const clock = fakeClock(t);
  const backend = fakeBackend();
  const resolved = codeWith(t, 'one', 'concurrency: 3');
  const fake = lambda(t, backend, { resolve: () => resolved });
  const [hangs, works, next] = [call(), call(), call()];
  fake.lambda.invoke(hangs);
  fake.lambda.invoke(works);
  hangs.cancel?.(gone());
  clock.forward(500);
  const [sandbox] = backend.sandboxes;
  fake.lambda.invoke(next);
  assert.deepEqual([sandbox?.isClosed, sandbox?.requests.length, backend.sandboxes.length], [false, 2, 2]);
  sandbox?.requests[1]?.answered({ status: 200, headers: [], body: new Uint8Array(0) });
  assert.deepEqual([hangs.outcome, works.outcome, sandbox?.isClosed], ['client-gone', 'warm', true]);
  sandbox?.requests[0]?.failed(new WorkerError('sandbox-died')); // its last callback, after all
  assert.deepEqual([hangs.outcome, fake.lambda.counts.instances], ['client-gone', 1]);
});

test('a call that is cancelled after new code came is told, and its instance ends when it has heeded', (t) => {
  const backend = fakeBackend();
  let current = codeWith(t, 'old', '');
  const fake = lambda(t, backend, { resolve: () => current, registryCacheMs: 0 });
  const running = call();
  fake.lambda.invoke(running);
  current = codeWith(t, 'new', '');
  fake.lambda.invoke(call());
  running.cancel?.(gone());
  assert.deepEqual([running.outcome, backend.sandboxes[0]?.cancelled, backend.sandboxes[0]?.isClosed], ['client-gone', 1, false]);
  backend.sandboxes[0]?.answer();
  assert.deepEqual([running.outcome, backend.sandboxes[0]?.isClosed, backend.sandboxes[1]?.isClosed], ['client-gone', true, false]);
});

test('an instance is not frozen while a call that was cancelled is still at work in it', (t) => {
  const clock = fakeClock(t);
  const backend = fakeBackend();
  const fake = lambda(t, backend, { freezeAfterMs: 100 });
  const first = call();
  fake.lambda.invoke(first);
  backend.sandboxes[0]?.answer();
  const second = call();
  fake.lambda.invoke(second);
  second.cancel?.(gone());
  clock.forward(400);
  assert.equal(backend.sandboxes[0]?.frozen, false);
  backend.sandboxes[0]?.answer();
  clock.forward(100);
  assert.equal(backend.sandboxes[0]?.frozen, true);
});

test('a busy instance sets no timers to see whether it rests', (t) => {
  const clock = fakeClock(t);
  const backend = fakeBackend();
  const fake = lambda(t, backend, { freezeAfterMs: 0, keepWarmMs: 600_000 });
  fake.lambda.invoke(call());
  backend.sandboxes[0]?.answer();
  fake.lambda.invoke(call());
  clock.forward(5);
  let set = 0;
  const { setTimeout: counted } = globalThis;
  t.mock.method(globalThis, 'setTimeout', (...given: Parameters<typeof setTimeout>) => {
    set++;
    return counted(...given);
  });
  clock.forward(1000);
  assert.equal(set, 0);
  backend.sandboxes[0]?.answer();
  clock.forward(1);
  assert.equal(backend.sandboxes[0]?.frozen, true);
});

test('keep_warm_ms below freeze_after_ms ends an idle instance at its own time, without freezing it', (t) => {
  const clock = fakeClock(t);
  const backend = fakeBackend();
  const fake = lambda(t, backend, { freezeAfterMs: 5000, keepWarmMs: 1000 });
  fake.lambda.invoke(call());
  backend.sandboxes[0]?.answer();
  clock.forward(999);
  assert.equal(backend.sandboxes[0]?.isClosed, false);
  clock.forward(1);
  assert.deepEqual([backend.sandboxes[0]?.isClosed, backend.sandboxes[0]?.frozen], [true, false]);
});

/** A room for one sandbox, in which one idle sandbox throws when it is asked for this. */
function failing(t: TestContext, method: 'request' | 'thaw' | 'freeze', error: Error): { fake: FakeLambda; backend: FakeBackend } {
  const backend = fakeBackend();
  const fake = lambda(t, backend, { room: room(1), freezeAfterMs: 1000 });
  fake.lambda.invoke(call());
  const [sandbox] = backend.sandboxes as [FakeSandbox];
  sandbox.answer();
  t.mock.method(sandbox, method, () => {
    throw error;
  });
  return { fake, backend };
}

test('a sandbox that cannot even be given a call fails that call with the reason, ends, and leaves its room to another', (t) => {
  const { fake, backend } = failing(t, 'request', new Error('the descriptor is gone'));
  const [unlucky, next] = [call(), call()];
  fake.lambda.invoke(unlucky);
  assert.deepEqual([unlucky.outcome, backend.sandboxes[0]?.isClosed, fake.lambda.counts.instances], ['internal', true, 0]);
  assert.equal(fake.retained.get('one'), 1, 'by the lambda alone');
  fake.lambda.invoke(next);
  backend.sandboxes[1]?.answer();
  assert.equal(next.outcome, 'forked');
});

test('a sandbox that cannot be thawed fails its call and ends', (t) => {
  const clock = fakeClock(t);
  const { fake, backend } = failing(t, 'thaw', new Error('the cgroup is gone'));
  clock.forward(1000);
  const unlucky = call();
  fake.lambda.invoke(unlucky);
  assert.deepEqual([unlucky.outcome, backend.sandboxes[0]?.isClosed, fake.lambda.counts.instances], ['internal', true, 0]);
});

test('a sandbox that cannot be frozen ends', (t) => {
  const clock = fakeClock(t);
  const { fake, backend } = failing(t, 'freeze', new Error('the cgroup is gone'));
  clock.forward(1000);
  assert.deepEqual([backend.sandboxes[0]?.isClosed, fake.lambda.counts.instances], [true, 0]);
});

test('a new sandbox that cannot be given its first call fails it and ends', (t) => {
  const backend = fakeBackend();
  const fake = lambda(t, backend, { room: room(1) });
  const given = t.mock.method(FakeSandbox.prototype, 'request', () => {
    throw new WorkerError('start-failed');
  });
  const unlucky = call();
  fake.lambda.invoke(unlucky);
  assert.deepEqual([unlucky.outcome, backend.sandboxes[0]?.isClosed, fake.lambda.counts.instances], ['start-failed', true, 0]);
  given.mock.restore();
  const next = call();
  fake.lambda.invoke(next);
  backend.sandboxes[1]?.answer();
  assert.equal(next.outcome, 'forked');
});

test('beside the call that its sandbox could not be given, the others fail because it ends', (t) => {
  const backend = fakeBackend();
  const resolved = codeWith(t, 'one', 'concurrency: 2');
  const fake = lambda(t, backend, { resolve: () => resolved });
  const [works, unlucky] = [call(), call()];
  fake.lambda.invoke(works);
  t.mock.method(backend.sandboxes[0] as FakeSandbox, 'request', () => {
    throw new Error('the descriptor is gone');
  });
  fake.lambda.invoke(unlucky);
  assert.deepEqual([works.outcome, unlucky.outcome, fake.lambda.counts.instances], ['sandbox-died', 'internal', 0]);
});

// ---- bodies

/** A call whose body comes in chunks of so many bytes, as the sandbox reads it. */
function streaming(first: number, ...chunks: readonly number[]): FakeCall {
  const body: RequestBody = {
    first: new Uint8Array(first),
    rest: {
      read: (chunk) => chunks.forEach((bytes, at) => void chunk(new Uint8Array(bytes), at === chunks.length - 1)),
      pause: () => {},
      resume: () => {},
    },
  };
  return Object.assign(call(), { body });
}

const kib = 1 << 10;
const limit = 'limits: {body_mb: 0.0625}'; // 64 KiB

test("a body over the lambda's own limit is refused before anything is started, as far as that is known", (t) => {
  const backend = fakeBackend();
  const resolved = codeWith(t, 'one', limit);
  const fake = lambda(t, backend, { resolve: () => resolved });
  const whole = Object.assign(call(), { body: { first: new Uint8Array(64 * kib + 1), rest: undefined } });
  const announced = streaming(kib, kib);
  Object.assign(announced, { head: { ...announced.head, headers: [['content-length', `${65 * kib}`]] } });
  for (const c of [whole, announced]) fake.lambda.invoke(c);
  assert.deepEqual([whole.outcome, announced.outcome, backend.sandboxes.length], ['body-too-large', 'body-too-large', 0]);
});

test("a body that grows over the lambda's own limit fails the call in the middle, and the sandbox gets no more of it", (t) => {
  const backend = fakeBackend();
  const resolved = codeWith(t, 'one', limit);
  const fake = lambda(t, backend, { resolve: () => resolved });
  const grows = streaming(32 * kib, 32 * kib, 1, 1);
  fake.lambda.invoke(grows);
  const [sandbox] = backend.sandboxes;
  const got: number[] = [];
  sandbox?.request_?.body.rest?.read((bytes) => got.push(bytes.length));
  assert.deepEqual([grows.outcome, got, sandbox?.cancelled], ['body-too-large', [32 * kib], 1]);
  sandbox?.answer();
  const next = call();
  fake.lambda.invoke(next);
  sandbox?.answer();
  assert.equal(next.outcome, 'warm');
});

test('a body that is too long in the very moment in which it is handed over is cancelled, too', (t) => {
  const backend = fakeBackend();
  const resolved = codeWith(t, 'one', limit);
  const fake = lambda(t, backend, { resolve: () => resolved });
  fake.lambda.invoke(call());
  const [sandbox] = backend.sandboxes;
  sandbox?.answer();
  const given = sandbox?.request.bind(sandbox);
  t.mock.method(sandbox as FakeSandbox, 'request', (request: Parameters<NonNullable<typeof given>>[0]) => {
    request.body.rest?.read(() => {});
    return given?.(request);
  });
  const grows = streaming(64 * kib, 1);
  fake.lambda.invoke(grows);
  assert.deepEqual([grows.outcome, sandbox?.cancelled], ['body-too-large', 1]);
});

test('a body of just the limit is passed on whole', (t) => {
  const backend = fakeBackend();
  const resolved = codeWith(t, 'one', limit);
  const fake = lambda(t, backend, { resolve: () => resolved });
  const fits = streaming(32 * kib, 16 * kib, 16 * kib);
  fake.lambda.invoke(fits);
  const got: [number, boolean][] = [];
  backend.sandboxes[0]?.request_?.body.rest?.read((bytes, last) => got.push([bytes.length, last]));
  assert.deepEqual(
    [fits.outcome, got],
    [
      undefined,
      [
        [16 * kib, false],
        [16 * kib, true],
      ],
    ],
  );
});
