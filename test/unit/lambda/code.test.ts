// When a lambda looks for its code, and what becomes of the calls that wait for it.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setImmediate as immediate } from 'node:timers/promises';
import { WorkerError } from '../../../src/errors.ts';
import { CodeWatch } from '../../../src/lambda/code-watch.ts';
import type { Resolved } from '../../../src/registry/registry.ts';
import { fakeClock } from './clock.ts';
import { call, code, codeWith, fakeBackend, lambda } from './fakes.ts';

test('calls that come while the code is fetched cause one look, and are answered in their order', async (t) => {
  const backend = fakeBackend();
  const coming: ((code: Resolved) => void)[] = [];
  const fake = lambda(t, backend, { resolve: () => new Promise((resolve) => coming.push(resolve)), maxInstances: 1, maxQueue: 200 });
  const calls = Array.from({ length: 150 }, () => call());
  for (const c of calls) fake.lambda.invoke(c);
  assert.deepEqual([coming.length, fake.lambda.counts.queued], [1, 150]);
  coming[0]?.(code('one'));
  for (const [at, c] of calls.entries()) {
    await immediate(); // they are taken in some at a time
    assert.equal(c.outcome, undefined, `${at}`);
    backend.sandboxes[0]?.answer();
    assert.notEqual(c.outcome, undefined, `${at}`);
  }
});

test('no more calls wait for code than could run or wait for an instance', async (t) => {
  const fake = lambda(t, fakeBackend(), { resolve: () => new Promise(() => {}), maxInstances: 2, maxQueue: 3 });
  const calls = Array.from({ length: 7 }, () => call());
  for (const c of calls) fake.lambda.invoke(c);
  assert.deepEqual(
    calls.map(({ outcome }) => outcome),
    [undefined, undefined, undefined, undefined, undefined, 'queue-full', 'queue-full'],
  );
});

test('a look that fails, and that no call waits for, harms nobody', async (t) => {
  const looks: ((error: Error) => void)[] = [];
  const resolve = (): Promise<Resolved> => new Promise((_, reject) => looks.push(reject));
  const fake = lambda(t, fakeBackend(), { resolve, maxInstances: 1, maxQueue: 0 });
  const [first, second] = [call(), call()];
  fake.lambda.invoke(first);
  first.cancel?.(new WorkerError('client-gone'));
  looks[0]?.(new WorkerError('lambda-unknown'));
  fake.lambda.invoke(second);
  await immediate(); // an unhandled rejection would fail the test
  assert.deepEqual([first.outcome, second.outcome, fake.emptied > 0], ['client-gone', 'lambda-unknown', true]);
});

test('a call waits for code no longer than it may run', (t) => {
  const clock = fakeClock(t);
  const fake = lambda(t, fakeBackend(), { resolve: () => new Promise(() => {}), timeLimitMs: 2000 });
  const waits = call();
  fake.lambda.invoke(waits);
  clock.forward(2000);
  assert.equal(waits.outcome, 'registry-unavailable');
});

test('new code takes over beside calls that stream: they end with the old code, and nothing fails', (t) => {
  const backend = fakeBackend();
  const versions = { old: codeWith(t, 'old', 'concurrency: 3'), new: codeWith(t, 'new', 'concurrency: 3') };
  let current = versions.old;
  const fake = lambda(t, backend, { resolve: () => current, registryCacheMs: 0, maxInstances: 1 });
  const streaming = [call(), call()];
  const received: string[] = [];
  for (const c of streaming) {
    c.chunk = (bytes) => void received.push(Buffer.from(bytes).toString());
    fake.lambda.invoke(c);
  }
  const [old] = backend.sandboxes;
  for (const request of old?.requests ?? []) request.begun({ status: 200, headers: [] });
  current = versions.new;
  const next = call();
  fake.lambda.invoke(next);
  assert.deepEqual(
    backend.sandboxes.map(({ spec, isClosed }) => [spec.code.digest, isClosed]),
    [
      ['old', false],
      ['new', false],
    ],
  );
  old?.requests[0]?.chunk(Buffer.from('still'));
  old?.requests[0]?.ended();
  assert.deepEqual([received, streaming[0]?.outcome, old?.isClosed], [['still'], 'forked', false]);
  old?.requests[1]?.ended();
  backend.sandboxes[1]?.answer();
  assert.deepEqual([streaming[1]?.outcome, next.outcome, old?.isClosed, backend.sandboxes[1]?.isClosed], ['warm', 'forked', true, false]);
  assert.deepEqual(
    [...fake.retained],
    [
      ['old', 0],
      ['new', 2],
    ],
  );
  assert.deepEqual(backend.forgotten, ['old']);
});

test('calls that wait when new code comes are answered by it; when it is no good they fail with what is wrong', async (t) => {
  const backend = fakeBackend();
  let current = codeWith(t, 'old', '');
  const fake = lambda(t, backend, { resolve: () => current, registryCacheMs: 0, maxInstances: 1, maxQueue: 200 });
  fake.lambda.invoke(call());
  const waits = call();
  fake.lambda.invoke(waits);
  current = codeWith(t, 'new', 'limits: {runtime_sec: 7}');
  await fake.lambda.look();
  await immediate();
  backend.sandboxes[1]?.answer();
  assert.deepEqual([waits.outcome, backend.sandboxes[1]?.spec.code.digest], ['forked', 'new']);
  const late = Array.from({ length: 100 }, () => call());
  for (const c of late) fake.lambda.invoke(c);
  current = codeWith(t, 'broken', 'colour: red');
  await assert.rejects(fake.lambda.look(), { code: 'code-invalid' });
  backend.sandboxes[1]?.answer();
  while (late.some(({ outcome }) => outcome === undefined)) await immediate();
  assert.deepEqual(new Set(late.slice(1).map(({ outcome }) => outcome)), new Set(['code-invalid']));
  assert.equal(late[0]?.outcome, 'warm', 'what runs goes on');
});

/** What a call gets whose code has this for an ol.yaml. */
async function failing(t: TestContext, make: (path: string) => void): Promise<string> {
  const dir = mkdtempSync(join(tmpdir(), 'sock-code-'));
  t.after(() => rmSync(dir, { recursive: true }));
  make(join(dir, 'ol.yaml'));
  const fake = lambda(t, fakeBackend(), { resolve: () => ({ digest: 'd', dir, stamp: 's' }) });
  const told = await fake.lambda.look().then(
    () => new Error('no error'),
    (error: Error) => error,
  );
  const asked = call();
  fake.lambda.invoke(asked);
  return `${asked.outcome}: ${told.message.replace(/^.*cannot be used: /, '')}`;
}

const hostile: readonly (readonly [what: string, make: (path: string) => void, told: string])[] = [
  ['a directory', (path) => mkdirSync(path), 'code-invalid: ol.yaml: expected a regular file, no directory'],
  [
    'a link, to a secret for instance',
    (path) => symlinkSync('/etc/shadow', path),
    'code-invalid: ol.yaml: expected a regular file, no link',
  ],
  [
    'a file larger than settings are',
    (path) => writeFileSync(path, 'x'.repeat((64 << 10) + 1)),
    'code-invalid: ol.yaml: expected at most 64 KiB of text, got 65537 bytes',
  ],
  ['a pipe', (path) => execFileSync('mkfifo', [path]), 'code-invalid: ol.yaml: expected a regular file, no directory'],
  ['bytes that are no text', (path) => writeFileSync(path, Uint8Array.of(0xff, 0xfe, 0x41)), 'code-invalid: ol.yaml: expected UTF-8 text'],
];
for (const [what, make, told] of hostile)
  test(`${what} is no ol.yaml, and calls are told so`, async (t) => assert.equal(await failing(t, make), told));

/** Code whose ol.yaml cannot be read until it is mended: ENOTDIR, as little the lambda's fault as having no descriptor left. */
function unreadable(t: TestContext): { resolved: Resolved; mend(): void } {
  const { dir, ...resolved } = codeWith(t, 'one', 'concurrency: 2');
  const unready = join(dir, 'ol.yaml', 'beneath');
  let isMended = false;
  return {
    resolved: {
      ...resolved,
      get dir() {
        return isMended ? dir : unready;
      },
    },
    mend: () => {
      isMended = true;
    },
  };
}

test('an ol.yaml that cannot be read for a moment is read at the next call', (t) => {
  const backend = fakeBackend();
  const { resolved, mend } = unreadable(t);
  const fake = lambda(t, backend, { resolve: () => resolved });
  const [before, still, after] = [call(), call(), call()];
  fake.lambda.invoke(before);
  fake.lambda.invoke(still);
  mend();
  fake.lambda.invoke(after);
  backend.sandboxes[0]?.answer();
  assert.deepEqual(
    [before.outcome, still.outcome, after.outcome, backend.sandboxes[0]?.spec.concurrency],
    ['internal', 'internal', 'forked', 2],
  );
});

test('an ol.yaml that cannot be read for a moment is read at the next look', async (t) => {
  const { resolved, mend } = unreadable(t);
  const fake = lambda(t, fakeBackend(), { resolve: () => resolved });
  await assert.rejects(fake.lambda.look(), { code: 'internal' });
  mend();
  await fake.lambda.look();
  assert.equal(fake.lambda.details().runs?.concurrency, 2);
});

test('a look whose failure nobody waits for harms nobody', async (t) => {
  const unhandled = t.mock.fn();
  process.once('unhandledRejection', unhandled);
  t.after(() => process.off('unhandledRejection', unhandled));
  const watch = new CodeWatch({
    resolve: async () => Promise.reject(new WorkerError('lambda-unknown')),
    cacheMs: 0,
    onCode: () => {},
    onUnstored: () => {},
  });
  void watch.look();
  await immediate();
  await immediate();
  assert.equal(unhandled.mock.callCount(), 0);
});

test('of calls that wait when new code comes none is given to an instance of the old', async (t) => {
  const backend = fakeBackend();
  const version = (digest: string) => codeWith(t, digest, 'concurrency: 40');
  let current = version('old');
  const fake = lambda(t, backend, { resolve: () => current, registryCacheMs: 0, maxInstances: 2, maxQueue: 200 });
  for (let calls = 0; calls < 200; calls++) fake.lambda.invoke(call());
  backend.sandboxes[0]?.die(); // the one in its place is given some calls at a time
  const given = () => backend.sandboxes.map(({ requests }) => requests.length);
  const before = given();
  assert.ok(before[2] !== undefined && before[2] < 40 && fake.lambda.counts.queued > 0, `${before}`);
  current = version('new');
  await fake.lambda.look();
  assert.deepEqual(given().slice(0, 3), before);
});
