import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import type { Runtime } from '../../../../src/runtime/runtime.ts';
import { OwnZygotes } from '../../../../src/sandbox/sock/own-zygotes.ts';

test('one that cannot even be begun is told to its lambda, and holds no place', async () => {
  const lines: string[] = [];
  const make = (): never => {
    throw new Error('no uids left');
  };
  const shared = { nursery: { make }, standbys: { least: 0, most: 0 }, maxSandboxes: 1, log: () => {} };
  const limits = { memoryBytes: 0, swapBytes: 0, processes: 1, cpuPercent: 1, tmpBytes: 0 };
  const own = new OwnZygotes(shared as unknown as ConstructorParameters<typeof OwnZygotes>[0], 1, limits);
  const runtime = { loadsInZygote: true, program: { argv: [], environment: [], mounts: [] } } as unknown as Runtime;
  const spec = {
    ...{ lambda: 'l', code: { digest: 'd', dir: '/' }, cold: undefined, environment: {}, entry: {}, concurrency: 1, limits, zygote: true },
    onLine: (_: string, line: string) => void lines.push(line),
    onDeath: () => {},
  };
  for (let starts = 0; starts < 2; starts++) own.loaded(spec, runtime, 100);
  await setImmediate();
  assert.match(lines.join(), /^the zygote of this lambda alone is gone: no uids left; sandboxes load the code themselves$/);
  assert.deepEqual([own.count, own.pools.length], [0, 0]);
  await own.close();
});
