import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Histogram } from '../../../src/observe/histogram.ts';
import { Recorder } from '../../../src/observe/recorder.ts';
import { Series } from '../../../src/observe/series.ts';
import { finished, type Given } from './finished.ts';

const recorded = (...requests: readonly Given[]): Recorder => {
  const recorder = new Recorder();
  for (const request of requests) recorder.record(finished(request));
  return recorder;
};

/** Counts by lambda, as `lambda status`. */
function counts({ table }: Recorder): Record<string, number> {
  const all: Record<string, number> = {};
  for (const { lambda, statuses } of table.all()) for (const [status, count] of statuses) all[`${lambda} ${status}`] = count;
  return all;
}

const unmet = { start: undefined, sandbox: undefined } as const;

const table: readonly (readonly [means: string, requests: readonly Given[], expected: Record<string, number>])[] = [
  ['a request counts for its lambda and status', [{}, {}, { status: 500 }], { 'echo 200': 2, 'echo 500': 1 }],
  ['lambdas are told apart', [{}, { lambda: 'b' }], { 'echo 200': 1, 'b 200': 1 }],
  ['a request for no lambda counts for ""', [{ ...unmet, lambda: undefined, status: 404 }], { ' 404': 1 }],
  ['an unknown lambda counts for ""', [{ ...unmet, lambda: 'x', status: 404, errorCode: 'lambda-unknown' }], { ' 404': 1 }],
  ['a name is not believed while the worker stops', [{ ...unmet, lambda: 'x', status: 503, errorCode: 'draining' }], { ' 503': 1 }],
  ['nor when the body was too large', [{ ...unmet, lambda: 'x', status: 413, errorCode: 'body-too-large' }], { ' 413': 1 }],
  ['a known lambda keeps its refusals', [{}, { ...unmet, status: 429, errorCode: 'queue-full' }], { 'echo 200': 1, 'echo 429': 1 }],
  ['a lambda whose code never ran is seen', [{ ...unmet, lambda: 'x', status: 500, errorCode: 'code-invalid' }], { 'x 500': 1 }],
];

for (const [means, requests, expected] of table) {
  test(means, () => assert.deepEqual(counts(recorded(...requests)), expected));
}

test('latencies are told by start class, of all lambdas together', () => {
  const recorder = recorded(
    { phases: [['handler', 1]] },
    { phases: [['handler', 100]], start: 'forked' },
    { phases: [['handler', 10]], lambda: 'b' },
    { phases: [['handler', 7]], lambda: undefined, start: undefined },
  );
  assert.deepEqual(
    recorder.latency.map(({ count, sum, max }) => [count, sum, max]),
    [[2, 11, 10], [0, 0, 0], [0, 0, 0], [1, 100, 100], [0, 0, 0], [1, 7, 7]], // biome-ignore format: a table
  );
});

test('they are the sum of what was counted by lambda, also when lambdas lose their series', () => {
  const recorder = new Recorder({ mostLambdas: 2 });
  for (let i = 0; i < 40; i++)
    recorder.record(finished({ lambda: `l${i % 5}`, start: i % 3 ? 'warm' : 'forked', phases: [['handler', i]] }));
  const sums = recorder.latency.map(() => new Histogram());
  for (const { latency } of recorder.table.all()) latency.forEach((one, at) => void (one && sums[at]?.fold(one)));
  assert.deepEqual(recorder.latency, sums);
});

test('what failed is counted by lambda, also where statuses are told by class', () => {
  const recorder = recorded({}, ...Array.from({ length: 100 }, (_, i) => ({ status: 350 + i })));
  const [series] = recorder.table.lambdas();
  assert.deepEqual([series?.requests, series?.failed], [101, 50]);
  const folded = new Series('');
  if (series !== undefined) folded.fold(series);
  assert.deepEqual([folded.requests, folded.failed], [101, 50]);
});

test('a lambda that answers every status there is has a bounded number of series', () => {
  const recorder = recorded(...Array.from({ length: 400 }, (_, i) => ({ status: 200 + i })));
  const [series] = recorder.table.all();
  assert.deepEqual([...(series?.statuses.keys() ?? [])], [...Array.from({ length: 16 }, (_, i) => 200 + i), 2, 3, 4, 5]);
  assert.equal(series?.statuses.get(5), 100);
});

test('the lambda used longest ago loses its series, and what it counted stays in the sum', () => {
  const recorder = new Recorder({ mostLambdas: 2 });
  for (const lambda of ['a', 'b', 'a', 'c']) recorder.record(finished({ lambda }));
  assert.deepEqual(counts(recorder), { 'a 200': 2, 'c 200': 1, '(other) 200': 1 });
  recorder.record(finished({ lambda: 'b', status: 500 }));
  assert.deepEqual(counts(recorder), { 'c 200': 1, 'b 500': 1, '(other) 200': 3 });
});

test('statuses told by class stay so when they are folded', () => {
  const recorder = new Recorder({ mostLambdas: 1 });
  for (let i = 0; i < 20; i++) recorder.record(finished({ status: 200 + i }));
  for (const lambda of ['b', 'c']) recorder.record(finished({ lambda, status: 404 }));
  const of = counts(recorder);
  assert.deepEqual([of['(other) 2'], of['(other) 215'], of['(other) 4'], of['c 404']], [4, 1, 1, 1]);
});

test('10,000 unknown names leave no more in memory than one does', () => {
  const unknown = (i: number): Given => ({ ...unmet, lambda: `nobody-${i}`, status: 404, errorCode: 'lambda-unknown' });
  const recorder = recorded(...Array.from({ length: 10_000 }, (_, i) => unknown(i)));
  assert.equal(recorder.table.size, 0);
  assert.deepEqual(counts(recorder), { ' 404': 10_000 });
  assert.deepEqual([...recorder.errors], [['lambda-unknown', 10_000]]);
});

test('the time of each phase is summed by start class', () => {
  const recorder = recorded(
    { phases: [['queue', 1], ['handler', 2]] }, // biome-ignore format: a table
    { phases: [['queue', 0.5], ['handler', 4]] }, // biome-ignore format: a table
    { phases: [['handler', 8]], start: 'forked' },
  );
  const told = recorder.phases.map((totals) => [...totals.values()].map(({ name, count, sum }) => `${name} ${count} ${sum}`));
  assert.deepEqual(told, [['queue 2 1.5', 'handler 2 6'], [], [], ['handler 1 8'], [], []]);
});

test('the last requests are kept, as many as asked for, oldest first', () => {
  const recorder = new Recorder({ traced: 3 });
  const ids = (): string[] => recorder.ring.list().map(({ requestId }) => requestId);
  for (const requestId of ['a', 'b']) recorder.record(finished({ requestId }));
  assert.deepEqual(ids(), ['a', 'b']);
  for (const requestId of ['c', 'd', 'e', 'f', 'g']) recorder.record(finished({ requestId }));
  assert.deepEqual(ids(), ['e', 'f', 'g']);
});

test('none are kept when none are asked for', () => assert.deepEqual(recorded({}, {}).ring.list(), []));
