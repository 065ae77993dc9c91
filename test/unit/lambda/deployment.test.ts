import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseConfig } from '../../../src/config/load.ts';
import { sandboxLimits } from '../../../src/lambda/deployment.ts';
import { call, codeWith, fakeBackend, lambda } from './fakes.ts';

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

test('a sandbox is made with what its ol.yaml says, and a call of it has the time that is said there', (t) => {
  const says = `
environment: {OL_ENTRY_FILE: main.py, COLOUR: red}
limits: {mem_mb: 20, procs: 3, cpu_percent: 40, tmp_mb: 2, runtime_sec: 2}
concurrency: 4
zygote: false
`;
  const backend = fakeBackend();
  lambda(t, backend, { resolve: () => codeWith(t, 'one', says) }).lambda.invoke(call());
  const { environment, entry, concurrency, limits, zygote } = backend.sandboxes[0]?.spec ?? assert.fail('no sandbox');
  assert.deepEqual([environment, entry], [{ OL_ENTRY_FILE: 'main.py', COLOUR: 'red' }, { file: 'main.py' }]);
  assert.deepEqual([concurrency, zygote], [4, false]);
  assert.deepEqual(limits, { memoryBytes: 20 << 20, swapBytes: 0, processes: 3, cpuPercent: 40, tmpBytes: 2 << 20 });
  const left = (backend.sandboxes[0]?.request_?.deadline ?? 0) - performance.now();
  assert.ok(left > 0 && left <= 2000, `${left}`);
});

test("methods that an ol.yaml does not name are refused before anything is started; GET's answer is HEAD's, too", (t) => {
  const backend = fakeBackend();
  const fake = lambda(t, backend, { resolve: () => codeWith(t, 'one', 'triggers: {http: [{method: GET}]}') });
  const outcome = (method: string): string | undefined => {
    const one = call();
    fake.lambda.invoke({ ...one, head: { ...one.head, method }, settle: (told) => one.settle(told) });
    return one.outcome;
  };
  assert.deepEqual([outcome('POST'), outcome('OPTIONS'), backend.sandboxes.length], ['method-not-allowed', 'method-not-allowed', 0]);
  assert.deepEqual([outcome('HEAD'), outcome('GET'), backend.sandboxes.length], [undefined, undefined, 2]);
});
