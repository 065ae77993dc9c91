import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ImageError, Transient } from '../../../../src/registry/oci/image-error.ts';
import { retried } from '../../../../src/registry/oci/retry.ts';
import { Slots } from '../../../../src/registry/oci/slots.ts';

const signal = new AbortController().signal;
const how = { signal, attempts: 3, firstMs: 1 };

/** Fails with each of these, then succeeds. */
function failing(...errors: readonly Error[]): { attempt(): Promise<string>; readonly times: () => number } {
  let times = 0;
  return {
    times: () => times,
    attempt: async () => {
      const error = errors[times++];
      if (error !== undefined) throw error;
      return 'well';
    },
  };
}

test('what may pass is tried again, so many times', async () => {
  const some = failing(new Transient('a'), new Transient('b'));
  assert.equal(await retried(how, some.attempt), 'well');
  const all = failing(...Array.from({ length: 9 }, (_, n) => new Transient(`no ${n}`)));
  await assert.rejects(retried(how, all.attempt), { at: 'unavailable', message: 'no 2 (after 3 attempts)' });
  assert.equal(all.times(), 3);
});

test('what lasts is not', async () => {
  for (const error of [new ImageError('invalid', 'bad'), new TypeError('bug')]) {
    const lasting = failing(error);
    await assert.rejects(retried(how, lasting.attempt), error);
    assert.equal(lasting.times(), 1);
  }
});

test('who asks for too long a wait is not waited for', async () => {
  const busy = failing(new Transient('busy', { afterMs: 3_600_000 }));
  await assert.rejects(retried(how, busy.attempt), { message: 'busy; it wants no other attempt for 3600 s' });
});

test('a wait ends when nobody wants it any more', async () => {
  const cancel = new AbortController();
  const waiting = retried({ signal: cancel.signal, attempts: 3, firstMs: 3_600_000 }, failing(new Transient('a')).attempt);
  setImmediate(() => cancel.abort(new Error('enough')));
  await assert.rejects(waiting, /^Error: enough$/);
});

test('slots are given in order, and come back from what failed and what was cancelled', async () => {
  const slots = new Slots(1);
  const order: string[] = [];
  const cancelled = AbortSignal.abort(new Error('enough'));
  const work = async (name: string): Promise<void> => void order.push(name);
  const all = await Promise.allSettled([
    slots.run(signal, async () => {
      await work('a');
      throw new Error('no');
    }),
    slots.run(cancelled, () => work('never')),
    slots.run(signal, () => work('b')),
    slots.run(signal, () => work('c')),
  ]);
  assert.deepEqual(
    [order, all.map(({ status }) => status)],
    [
      ['a', 'b', 'c'],
      ['rejected', 'rejected', 'fulfilled', 'fulfilled'],
    ],
  );
});
