import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Recorder } from '../../../src/observe/recorder.ts';
import { OpStats } from '../../../src/observe/stats.ts';
import { finished, type Given } from './finished.ts';

test('an operation is told by count, mean, percentiles and greatest, in fractions of ms', () => {
  const stats = new OpStats();
  for (const ms of [0.25, 0.5, 3]) stats.add('Create()', ms);
  const { 'Create().ms-p50': middle = 0, 'Create().ms-p99': late = 0, ...rest } = stats.snapshot();
  assert.deepEqual(rest, { 'Create().cnt': 3, 'Create().ms-avg': 1.25, 'Create().ms-max': 3 });
  assert.ok(Math.abs(middle - 0.5) < 0.025, `${middle}`);
  assert.ok(Math.abs(late - 3) < 0.15, `${late}`);
});

test('what never happened is not told', () => {
  const stats = new OpStats();
  stats.operation('pull-package');
  assert.deepEqual(stats.snapshot(), {});
});

const front = [['receive', 1], ['reply', 2]] as const; // biome-ignore format: a table

const table: readonly (readonly [means: string, request: Given, averages: Record<string, number>])[] = [
  [
    'a cold request waits for its sandbox, then goes to it and back',
    { start: 'forked', phases: [...front, ['code', 4], ['queue', 8], ['fork', 16], ['isolate', 32], ['attach', 64], ['handler', 128]] },
    { 'web-request': 255, 'LambdaFunc.Invoke': 252, 'LambdaInstance-WaitSandbox': 112, 'LambdaInstance-RoundTrip': 128 },
  ],
  [
    'a warm request waits for none',
    { phases: [...front, ['queue', 4], ['wake', 8], ['handler', 16]] },
    { 'web-request': 31, 'LambdaFunc.Invoke': 28, 'LambdaInstance-RoundTrip': 24 },
  ],
  [
    'a refused request is invoked and no more',
    { start: undefined, status: 429, phases: [...front, ['queue', 4]] },
    { 'web-request': 7, 'LambdaFunc.Invoke': 4 },
  ],
  ['a request for no lambda is none of theirs', { start: undefined, lambda: undefined, status: 404, phases: front }, {}],
];

for (const [means, request, averages] of table) {
  test(means, () => {
    const recorder = new Recorder();
    recorder.record(finished(request));
    const told = Object.entries(recorder.stats.snapshot()).filter(([name]) => name.endsWith('.ms-avg'));
    assert.deepEqual(Object.fromEntries(told.map(([name, ms]) => [name.slice(0, -'.ms-avg'.length), ms])), averages);
  });
}
