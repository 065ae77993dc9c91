import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { shortened, shownError, shownRequest } from '../../../src/observe/dashboard/requests.ts';
import { finished } from './finished.ts';

test('phases add up to the request, to the tenth of a microsecond, whatever they are', () => {
  const lengths = fc.array(fc.double({ min: 0, max: 60_000, noNaN: true }), { maxLength: 12 });
  fc.assert(
    fc.property(lengths, fc.double({ min: 0, max: 1e9, noNaN: true }), fc.double({ min: 0, max: 5, noNaN: true }), (all, began, after) => {
      const request = finished({ began, phases: all.map((ms, i) => [`p${i}`, ms]) });
      const { length, phases } = shownRequest({ ...request, ended: request.ended + after });
      assert.equal(
        phases.reduce((sum, [, tenths]) => sum + tenths, 0),
        length,
      );
      assert.ok(phases.every(([, tenths]) => Number.isSafeInteger(tenths) && tenths >= 0));
    }),
  );
});

test('what follows the last phase is the sending', () => {
  const request = finished({
    phases: [
      ['receive', 0.01],
      ['handler', 1],
    ],
  });
  assert.deepEqual(shownRequest({ ...request, ended: request.ended + 0.002 }).phases, [
    ['receive', 100],
    ['handler', 10_000],
    ['send', 20],
  ]);
  assert.deepEqual(shownRequest(request).phases.at(-1), ['handler', 10_000]);
});

test('what callers make long is shown short', () => {
  const request = finished({ path: `/${'x'.repeat(9000)}`, errorCode: 'handler-raised' });
  const { path, message, error } = shownError({ finished: request, message: shortened(`\ud800${'y'.repeat(9000)}\nValueError: no`) });
  assert.deepEqual([path?.length, message.length, error], [300, 4000, 'handler-raised']);
  assert.ok(message.startsWith('\ud800yyy') && message.includes('y\n…\ny') && message.endsWith('y\nValueError: no'));
  assert.equal(shortened('z'.repeat(4000)), 'z'.repeat(4000));
});

test('the time of day at which it began', () => {
  const { time } = shownRequest(finished({ began: 12_345 }));
  assert.ok(Math.abs(time - (performance.timeOrigin + 12_345)) < 0.001);
});
