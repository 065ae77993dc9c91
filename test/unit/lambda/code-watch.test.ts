import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { WorkerError } from '../../../src/errors.ts';
import { CodeWatch } from '../../../src/lambda/code-watch.ts';
import type { Resolved } from '../../../src/registry/registry.ts';
import { fakeClock } from './clock.ts';

const code = (digest: string): Resolved => ({ digest, dir: `/store/${digest}` }) as Resolved;

test('code is looked at once a window, and under traffic before the window is over, on no call’s way', async (t) => {
  const clock = fakeClock(t);
  let looks = 0;
  const got: (string | undefined)[] = [];
  const watch = new CodeWatch({
    resolve: () => code(++looks < 3 ? 'a' : 'b'),
    cacheMs: 1000,
    onCode: (now) => got.push(now?.digest),
    onUnstored: () => {},
  });
  assert.equal(watch.isFresh, false);
  watch.look();
  const calls = async (n: number): Promise<void> => {
    for (let i = 0; i < n; i++) assert.equal(watch.isFresh, true); // so that it waits for nothing
    await setImmediate();
    await setImmediate();
  };
  await calls(50);
  clock.forward(499);
  await calls(50);
  assert.equal(looks, 1);
  clock.forward(2);
  await calls(50);
  assert.equal(looks, 2);
  clock.forward(501);
  await calls(50);
  assert.deepEqual([looks, got], [3, ['a', 'b']]);
  clock.forward(1000);
  assert.equal(watch.isFresh, false);
});

test('newer code that cannot be stored is told once, and what is there goes on', () => {
  const told: string[] = [];
  const full = new WorkerError('store-failed');
  const outcomes = [code('a'), full, full, code('b'), full];
  const resolve = (): Resolved => {
    const next = outcomes.shift();
    if (next === undefined || next instanceof WorkerError) throw next;
    return next;
  };
  const got: (string | undefined)[] = [];
  const options = {
    cacheMs: 0,
    onCode: (now?: Resolved) => got.push(now?.digest),
    onUnstored: (error: WorkerError) => told.push(error.code),
  };
  const watch = new CodeWatch({ resolve, ...options });
  for (let i = 0; i < 5; i++) watch.look();
  assert.deepEqual(
    [got, told],
    [
      ['a', 'b'],
      ['store-failed', 'store-failed'],
    ],
  );
  const first = new CodeWatch({ resolve: () => assert.fail(full), ...options });
  assert.throws(() => first.look(), { code: 'store-failed' });
});
