// deploy/sock-worker.service, run by systemd: from boot to stop. Only on a machine that is the test's own.
import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { bootSystemd } from './systemd.ts';

const needsMachine = process.env.REQUIRE_KERNEL === '1' ? {} : { skip: 'needs a machine of its own (test/vm/run)' };

const lambdas = {
  hello: 'def f(event):\n  return "hello"\n',
  hog: 'def f(event):\n  return len(b"x" * (1 << 28))\n',
};

test('the service serves, outlives a sandbox, comes back when it was killed, and stops when it is told to', needsMachine, async (t) => {
  const { group, listens, ask, systemctl } = await bootSystemd(t, lambdas);
  const show = async (property: string) => (await systemctl('show', '--value', `--property=${property}`, 'sock-worker')).trim();
  const call = (lambda: string) => ask(`/run/${lambda}`);
  const service = join(group, 'system.slice/sock-worker.service');
  const own = (): string[] => readdirSync(service).filter((name) => name.startsWith('sock-worker-'));

  await listens();
  assert.equal((await call('hello')).text, '"hello"');
  assert.equal(own().length, 1, 'sandboxes are in the cgroup that the service was given');
  const status = JSON.parse((await ask('/status', { method: 'GET', headers: { accept: 'application/json' } })).text);
  assert.deepEqual(status.limitsNotEnforced, []);
  const hog = await call('hog');
  assert.deepEqual([hog.status, JSON.parse(hog.text).error.code], [502, 'sandbox-oom']);
  assert.equal((await call('hello')).status, 200);
  assert.deepEqual([await show('ActiveState'), await show('NRestarts')], ['active', '0']);

  await systemctl('kill', '--kill-who=main', '--signal=KILL', 'sock-worker');
  await listens();
  assert.equal((await call('hello')).text, '"hello"');
  assert.deepEqual([await show('NRestarts'), own().length], ['1', 1]);

  await systemctl('stop', 'sock-worker');
  assert.deepEqual([await show('ActiveState'), await show('Result')], ['inactive', 'success']);
  assert.ok(!existsSync(service));
});
