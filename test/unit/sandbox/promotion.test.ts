import assert from 'node:assert/strict';
import { test } from 'node:test';
import { deservesZygote, type LambdaView } from '../../../src/sandbox/zygote/promotion.ts';

const table: readonly (readonly [means: string, view: LambdaView, expected: boolean])[] = [
  ['slow to load, started twice: yes', { loadMs: 100, starts: [0, 1000], failed: false }, true],
  ['started once: no', { loadMs: 100, starts: [0], failed: false }, false],
  ['started again after an hour: no', { loadMs: 100, starts: [0, 3_600_000], failed: false }, false],
  ['quick to load: no', { loadMs: 2, starts: [0, 1, 2, 3], failed: false }, false],
  ['cannot be forked from: no', { loadMs: 100, starts: [0, 1], failed: true }, false],
  ['never started: no', { loadMs: 100, starts: [], failed: false }, false],
];

for (const [means, view, expected] of table) {
  test(`a zygote of its own: ${means}`, () => assert.equal(deservesZygote(view), expected));
}
