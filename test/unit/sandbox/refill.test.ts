import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type Bursts,
  longestStartMs,
  noBursts,
  type StandbyView,
  standbysToBegin,
  standbyTarget,
  startsUnderWay,
  withColdStart,
} from '../../../src/sandbox/refill.ts';

const table: readonly (readonly [means: string, view: StandbyView, expected: number])[] = [
  ['all are missing', { ready: 0, coming: 0, starting: 0, target: 2 }, 2],
  ['those on their way count', { ready: 0, coming: 1, starting: 0, target: 2 }, 1],
  ['those that wait count', { ready: 1, coming: 1, starting: 0, target: 2 }, 0],
  ['more than wanted are left alone', { ready: 3, coming: 0, starting: 0, target: 2 }, 0],
  ['none while a cold start is under way', { ready: 0, coming: 0, starting: 1, target: 2 }, 0],
  ['none are wanted', { ready: 0, coming: 0, starting: 0, target: 0 }, 0],
];

for (const [means, view, expected] of table) {
  test(means, () => assert.equal(standbysToBegin(view), expected));
}

test('a start that has had its time is not under way', () => {
  assert.equal(startsUnderWay([0, 60, 99, 100], longestStartMs + 30), 3);
  assert.equal(startsUnderWay([0], longestStartMs), 0);
  assert.equal(startsUnderWay([], 0), 0);
});

const range = { least: 2, most: 8 };
const after = (...at: number[]) => at.reduce(withColdStart, noBursts);

const targets: readonly (readonly [means: string, bursts: Bursts, now: number, expected: number])[] = [
  ['nothing was wanted: the least', noBursts, 1e6, 2],
  ['one at a time: the least', after(0, 1000, 2000), 2000, 2],
  ['five at once: five', after(0, 1, 2, 3, 4), 4, 5],
  ['twenty at once: the most', after(...Array.from({ length: 20 }, () => 7)), 7, 8],
  ['a smaller burst does not hide a larger one of late', after(0, 0, 0, 0, 0, 0, 1000, 1000, 1000), 1000, 6],
  ['a burst counts for half after half a minute', after(...Array.from({ length: 8 }, () => 0)), 30_000, 4],
  ['and for nothing in the end', after(...Array.from({ length: 8 }, () => 0)), 600_000, 2],
  ['a larger burst than what is left of an old one takes its place', after(0, 0, 0, 0, 60_000, 60_000, 60_000), 60_000, 3],
];

for (const [means, bursts, now, expected] of targets) {
  test(`standbys to keep: ${means}`, () => assert.equal(standbyTarget(bursts, range, now), expected));
}
