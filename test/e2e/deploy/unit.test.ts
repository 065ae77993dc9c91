// deploy/sock-worker.service, read by systemd itself.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { needsPrograms, shipped } from './balancer.ts';

test('systemd finds nothing to complain about in the unit', needsPrograms('systemd-analyze'), (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'sock-unit-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  const file = join(dir, 'sock-worker.service');
  const verify = () => {
    const { status, stderr } = spawnSync('systemd-analyze', ['verify', '--man=no', file], { encoding: 'utf8' });
    return { status, ofUnit: stderr.split('\n').filter((line) => line.includes('sock-worker.service')) };
  };
  const unit = readFileSync(shipped('sock-worker.service'), 'utf8');
  writeFileSync(file, unit.replace('/opt/sock-worker/bin/worker', shipped('../bin/worker')));
  assert.deepEqual(verify(), { status: 0, ofUnit: [] });
  // It would have said so.
  writeFileSync(file, unit.replace('KillMode=mixed', 'KillMode=gentle'));
  assert.match(verify().ofUnit.join(), /kill mode/);
});
