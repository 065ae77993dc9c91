import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Phases } from '../../../src/observe/phases.ts';

test('phases follow one another', () => {
  const phases = new Phases(10);
  phases.mark('queue', 11);
  phases.mark('handler', 14.5);
  assert.deepEqual(phases.list, [
    ['queue', 1],
    ['handler', 3.5],
  ]);
});

test('the header is what Server-Timing has, in milliseconds', () => {
  const phases = new Phases(0);
  phases.mark('queue', 0.0124);
  phases.mark('handler', 1.2164);
  assert.equal(phases.header(), 'queue;dur=0.012, handler;dur=1.204');
});

test('without a mark there is nothing to tell', () => {
  assert.equal(new Phases(0).header(), '');
});

test('a mark that lies before the last one makes a phase of no length', () => {
  const phases = new Phases(10);
  phases.mark('a', 12);
  phases.mark('b', 5);
  phases.mark('c', 13);
  assert.deepEqual(phases.list, [
    ['a', 2],
    ['b', 0],
    ['c', 1],
  ]);
});

test('at the end nothing is left out: what has passed since the last mark is the last phase’s', () => {
  const from = performance.now();
  const phases = new Phases(from);
  phases.mark('handler', from + 0.001);
  phases.mark('reply', from + 0.002);
  const ended = phases.end();
  const sum = phases.lengths.reduce((all, ms) => all + ms, 0);
  assert.ok(ended > from && Math.abs(sum - (ended - from)) < 1e-6, `${sum} of ${ended - from}`);
  assert.deepEqual(phases.names, ['handler', 'reply']);
  assert.deepEqual(new Phases(from).end() > from && new Phases(from).list, []);
});

test('the sum is the time from the start to the latest mark, and no phase is negative, whatever the marks are', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 1_000_000 }), { minLength: 1 }), (marks) => {
      const from = 500_000;
      const phases = new Phases(from);
      for (const at of marks) phases.mark('x', at);
      assert.ok(phases.list.every(([, ms]) => ms >= 0));
      assert.equal(
        phases.list.reduce((sum, [, ms]) => sum + ms, 0),
        Math.max(from, ...marks) - from,
      );
    }),
  );
});
