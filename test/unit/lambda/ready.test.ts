import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { IdleClass } from '../../../src/lambda/placement.ts';
import { Ready } from '../../../src/lambda/ready.ts';
import { RecentPeak } from '../../../src/lambda/recent-peak.ts';

interface Item {
  load: number;
  idleClass: IdleClass | undefined;
}

const item = (load: number, idleClass: IdleClass = 'warm'): Item => ({ load, idleClass });

test('the fullest that still takes a call is next, then what is idle and awake, the last used first', () => {
  const [busy, fuller, first, last] = [item(1), item(3), item(0), item(0)];
  const ready = new Ready<Item>();
  for (const one of [busy, first, last, fuller]) ready.put(one);
  assert.deepEqual([ready.take('warm'), ready.take('warm')], [fuller, busy]);
  assert.equal(ready.take('warm'), last);
  assert.equal(ready.take('warm'), first);
  assert.equal(ready.take('warm'), undefined);
});

test('what is frozen is met as such only, the last used first', () => {
  const [older, newer] = [item(0, 'thawed'), item(0, 'thawed')];
  const ready = new Ready<Item>();
  ready.put(older);
  ready.put(newer);
  assert.deepEqual([ready.has('warm'), ready.has('thawed'), ready.any, ready.take('warm')], [false, true, 'thawed', undefined]);
  assert.equal(ready.take('thawed'), newer);
  assert.deepEqual([ready.longestIdle, ready.frozen], [older, 1]);
});

test('one whose load has changed is found where it belongs now, once', () => {
  const one = item(2);
  const ready = new Ready<Item>();
  ready.put(one);
  one.load = 0;
  ready.put(one);
  assert.deepEqual([ready.idle, ready.longestIdle, ready.take('warm'), ready.take('warm')], [1, one, one, undefined]);
});

test('a peak is that of one to two windows', () => {
  const peak = new RecentPeak(10);
  peak.note(5, 100);
  peak.note(3, 105);
  assert.deepEqual([peak.at(109), peak.at(112), peak.at(119)], [5, 5, 5]);
  peak.note(2, 121);
  assert.deepEqual([peak.at(125), peak.at(131), peak.at(200)], [2, 2, 0]);
});
