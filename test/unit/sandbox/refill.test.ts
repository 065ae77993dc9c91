import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type StandbyView, standbysToBegin } from '../../../src/sandbox/zygote/refill.ts';

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
