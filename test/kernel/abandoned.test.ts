// What workers that were killed leave in the cgroup tree, and which of it another one may remove.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { cgroup2Mount, removeAbandoned } from '../../src/sandbox/sock/cgroups.ts';
import { loadNative } from '../../src/sandbox/sock/native.ts';
import { needsRoot } from './rig.ts';

test('of other workers the subtrees go that are empty, locked by nobody and old; no others', needsRoot, async (t) => {
  const native = loadNative();
  const parent = join(cgroup2Mount(readFileSync('/proc/mounts', 'utf8')) ?? '', `abandoned-test-${process.pid}`);
  const root = (digit: string): string => join(parent, `sock-worker-${digit.repeat(12)}`);
  const [dead, living, used, foreign] = [root('0'), root('1'), root('2'), join(parent, 'sock-worker-mine')];
  for (const dir of [parent, dead, join(dead, 'zygote'), join(dead, 'zygote/self'), living, used, foreign]) mkdirSync(dir);
  const lock = openSync(living, 'r');
  assert.ok(native.lock(lock));
  const child = spawn('sleep', ['60']);
  t.after(async () => {
    child.kill('SIGKILL');
    await once(child, 'exit');
    for (const dir of [living, used, foreign, parent]) rmdirSync(dir);
  });
  writeFileSync(join(used, 'cgroup.procs'), `${child.pid}`);

  removeAbandoned(native, parent, 60_000);
  assert.ok(existsSync(dead));
  removeAbandoned(native, parent, 0);
  assert.deepEqual([dead, living, used, foreign].map(existsSync), [false, true, true, true]);
  closeSync(lock);
  removeAbandoned(native, parent, 0);
  assert.ok(!existsSync(living));
  mkdirSync(living);
});
