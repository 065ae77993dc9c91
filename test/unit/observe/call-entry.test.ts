import assert from 'node:assert/strict';
import { test } from 'node:test';
import { callEntry } from '../../../src/observe/call-entry.ts';
import { finished } from './finished.ts';

test('a call is told with who, where, how it started, and its phases in microseconds, whose sum is the wall time; not with its path', () => {
  const phases = [
    ['receive', 0.25],
    ['queue', 0],
    ['handler', 2.25],
    ['queue', 0.5],
    ['reply', 0.004],
  ] as const;
  const trace = { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), sampled: true };
  const call = finished({
    requestId: 'r',
    lambda: 'echo',
    sandbox: '7',
    start: 'forked',
    status: 200,
    path: '/run/echo/secret',
    phases,
    trace,
  });
  const { method, bytesIn, bytesOut, ...told } = JSON.parse(JSON.stringify(callEntry(call)));
  assert.deepEqual(told, {
    requestId: 'r',
    lambda: 'echo',
    sandbox: '7',
    start: 'forked',
    status: 200,
    wallUs: 3004,
    phasesUs: { receive: 250, queue: 500, handler: 2250, reply: 4 },
    traceId: trace.traceId,
  });
  assert.deepEqual([typeof method, typeof bytesIn, typeof bytesOut], ['string', 'number', 'number']);
});
