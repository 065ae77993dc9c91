import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Failed } from '../../../../src/registry/http/failed.ts';
import { pauseMs, retryAfterMs, retrying } from '../../../../src/registry/http/retrying.ts';

const policy = { attempts: 5, firstMs: 200, mostMs: 1000, withinMs: 15_000 };
const failed = (again: boolean): Failed => new Failed(new URL('http://a/'), 'it failed', { again });

for (const [failures, least, most] of [
  [1, 100, 200],
  [2, 200, 400],
  [3, 400, 800],
  [4, 500, 1000],
  [50, 500, 1000],
] as const) {
  test(`after ${failures} failure(s) the pause is ${least} to ${most} ms`, () => {
    assert.equal(pauseMs(policy, { failures, afterMs: 0, random: 0 }), least);
    assert.equal(pauseMs(policy, { failures, afterMs: 0, random: 1 }), most);
    assert.equal(pauseMs(policy, { failures, afterMs: 7000, random: 1 }), 7000);
  });
}

const now = Date.parse('2026-01-01T00:00:00Z');
for (const [value, ms] of [
  [undefined, 0],
  ['3', 3000],
  ['0', 0],
  ['Thu, 01 Jan 2026 00:00:02 GMT', 2000],
  ['Wed, 31 Dec 2025 00:00:00 GMT', 0],
  ['soon', 0],
  ['-1', 0],
] as const) {
  test(`Retry-After ${value} is ${ms} ms`, () => assert.equal(retryAfterMs(value, now), ms));
}

test('what cannot fare better is not tried again; neither is what nobody knows', async () => {
  for (const error of [failed(false), new Error('a bug')]) {
    let attempts = 0;
    const attempt = (): Promise<never> => {
      attempts += 1;
      return Promise.reject(error);
    };
    await assert.rejects(retrying(attempt, { policy, signal: new AbortController().signal, onFailed: () => {} }), error);
    assert.equal(attempts, 1);
  }
});

test('no attempt begins too late, and each failure is told', async () => {
  const told: Failed[] = [];
  const error = failed(true);
  const how = { policy: { ...policy, withinMs: 50 }, signal: new AbortController().signal, onFailed: (one: Failed) => told.push(one) };
  await assert.rejects(
    retrying(() => Promise.reject(error), how),
    error,
  );
  assert.deepEqual(told, [error]);
});

test('an aborted pause ends at once', async () => {
  const stop = new AbortController();
  const onFailed = (): void => void setImmediate(() => stop.abort());
  const how = { policy: { ...policy, firstMs: 3_600_000, mostMs: 3_600_000, withinMs: 1e9 }, signal: stop.signal, onFailed };
  await assert.rejects(
    retrying(() => Promise.reject(failed(true)), how),
    { name: 'AbortError' },
  );
});
