import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseConfig } from '../../../src/config/load.ts';
import { sandboxLimits } from '../../../src/lambda/deployment.ts';

test('limits as config.json names them are those of a sandbox', () => {
  const of = (limits: object) => sandboxLimits(parseConfig({ sandbox: 'sock', limits }).limits);
  assert.deepEqual(of({ mem_mb: 100, procs: 7, cpu_percent: 30, tmp_mb: 3 }), {
    memoryBytes: 100 << 20,
    swapBytes: 0,
    processes: 7,
    cpuPercent: 30,
    tmpBytes: 3 << 20,
  });
  // cgroup v2 knows only how much: as much again as memory.
  assert.equal(of({ mem_mb: 100, swappiness: 1 }).swapBytes, 100 << 20);
});
