import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ndjson, select, type TraceFilter } from '../../../src/observe/traces.ts';
import { finished } from './finished.ts';

const requests = [
  finished({ requestId: 'a', began: 1000, phases: [['handler', 5]] }),
  finished({ requestId: 'b', began: 2000, phases: [['handler', 50]], lambda: 'other' }),
  finished({ requestId: 'c', began: 3000, phases: [['handler', 0.5]], start: 'forked' }),
  finished({ requestId: 'd', began: 4000, phases: [], start: undefined, lambda: undefined }),
];

const table: readonly (readonly [means: string, filter: TraceFilter, expected: string])[] = [
  ['without a filter all are shown', {}, 'abcd'],
  ['those of a lambda', { lambda: 'echo' }, 'ac'],
  ['those of a start class', { start: 'forked' }, 'c'],
  ['those that began at a time or later', { since: performance.timeOrigin + 2000 }, 'bcd'],
  ['those that took so long or longer', { minMs: 5 }, 'ab'],
  ['the latest', { limit: 2 }, 'cd'],
  ['more than there are', { limit: 10 }, 'abcd'],
  ['none', { limit: 0 }, ''],
  ['the latest of those that are meant', { lambda: 'echo', limit: 1 }, 'c'],
  ['all conditions have to be met', { lambda: 'echo', minMs: 5, start: 'warm' }, 'a'],
  ['nobody meets them', { lambda: 'nobody' }, ''],
];

for (const [means, filter, expected] of table) {
  test(means, () =>
    assert.equal(
      select(requests, filter)
        .map(({ requestId }) => requestId)
        .join(''),
      expected,
    ),
  );
}

test('a line has the whole request, with the time of day at which it began', () => {
  const request = finished({
    requestId: 'x',
    lambda: 'echo',
    began: 1000.5,
    status: 500,
    start: 'forked',
    errorCode: 'handler-raised',
    phases: [['fork', 1.0004], ['handler', 2.25]], // biome-ignore format: a table
    trace: { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), parentSpanId: 'c'.repeat(16), sampled: true },
  });
  const lines = [...ndjson([request, request])];
  assert.equal(lines.length, 2);
  const { began, beganUnixNs, ...rest } = JSON.parse(lines[0] ?? '') as { began: string; beganUnixNs: string };
  assert.deepEqual(rest, {
    requestId: 'x',
    lambda: 'echo',
    method: 'POST',
    path: '/run/echo',
    status: 500,
    start: 'forked',
    error: 'handler-raised',
    ms: 3.25,
    phases: [
      { name: 'fork', ms: 1 },
      { name: 'handler', ms: 2.25 },
    ],
    bytesIn: 2,
    bytesOut: 3,
    sandbox: '1',
    traceId: 'a'.repeat(32),
    spanId: 'b'.repeat(16),
    parentSpanId: 'c'.repeat(16),
    sampled: true,
  });
  assert.equal(began, new Date(performance.timeOrigin + 1000.5).toISOString());
  assert.match(beganUnixNs, /^\d{19}$/);
  assert.ok(Math.abs(Number(beganUnixNs) / 1e6 - performance.timeOrigin - 1000.5) < 0.01);
});

test('what is not known is left out', () => {
  const [line = ''] = ndjson([finished({ lambda: undefined, start: undefined, sandbox: undefined, path: undefined })]);
  const told = Object.keys(JSON.parse(line) as object);
  for (const key of ['lambda', 'start', 'sandbox', 'path', 'error', 'traceId']) assert.ok(!told.includes(key), key);
});

test('a line stays one, whatever is in it', () => {
  const [line = ''] = ndjson([finished({ path: '/run/echo\n"\u2028' })]);
  assert.equal(line.indexOf('\n'), line.length - 1);
  assert.equal((JSON.parse(line) as { path: string }).path, '/run/echo\n"\u2028');
});
