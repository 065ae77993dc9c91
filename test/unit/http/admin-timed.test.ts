// What is timed for /stats under OpenLambda's names.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { timedBackend, timedRegistry } from '../../../src/http/admin/timed.ts';
import { OpStats } from '../../../src/observe/stats.ts';
import type { SandboxRequest, SandboxSpec } from '../../../src/sandbox/sandbox.ts';
import { code, fakeBackend } from '../lambda/fakes.ts';

const counts = (stats: OpStats) => Object.fromEntries(Object.entries(stats.snapshot()).filter(([name]) => name.endsWith('.cnt')));

test('what is done to a sandbox is done, and counted once', async () => {
  const [stats, backend] = [new OpStats(), fakeBackend()];
  const sandbox = timedBackend(backend, stats).create({ cold: 'standby' } as SandboxSpec);
  const [fake] = backend.sandboxes;
  assert.equal(sandbox.start, 'standby');
  const request = {} as SandboxRequest;
  sandbox.request(request).cancel();
  assert.deepEqual([fake?.request_ === request, fake?.cancelled], [true, 1]);
  sandbox.freeze();
  assert.equal(fake?.frozen, true);
  sandbox.thaw();
  assert.equal(fake?.frozen, false);
  await Promise.all([sandbox.close(), sandbox.close()]);
  assert.equal(fake?.isClosed, true);
  assert.deepEqual(counts(stats), { 'Pause().cnt': 1, 'Unpause().cnt': 1, 'Destroy().cnt': 1 });
});

test('getting code is counted, whether it is there at once or later; what fails is not', async () => {
  const stats = new OpStats();
  const [one, two] = [code('one'), code('two')];
  const registry = timedRegistry(
    {
      resolve: (name) => {
        if (name === 'none') throw new Error('none');
        return name === 'now' ? one : name === 'later' ? Promise.resolve(two) : Promise.reject(new Error('broken'));
      },
    },
    stats,
  );
  assert.equal(registry.resolve('now'), one);
  assert.equal(await registry.resolve('later'), two);
  assert.throws(() => registry.resolve('none'), /none/);
  await assert.rejects(async () => registry.resolve('broken'), /broken/);
  assert.deepEqual(counts(stats), { 'pull-lambda.cnt': 2 });
});
