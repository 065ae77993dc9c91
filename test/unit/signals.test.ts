// What tells a worker to stop, and what to stop at once.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Signals } from '../../src/signals.ts';

test('the first signal stops; SIGINT and SIGTERM end it when they come again, what worker down sends does not', async () => {
  const ends: string[] = [];
  const signals = new Signals();
  signals.onSecond = (signal) => ends.push(signal);
  for (const signal of ['SIGUSR2', 'SIGUSR2', 'SIGTERM', 'SIGUSR2', 'SIGINT'] as const) process.emit(signal, signal);
  assert.deepEqual([await signals.first, ends], ['SIGUSR2', ['SIGTERM', 'SIGINT']]);
});
