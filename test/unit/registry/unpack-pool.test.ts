import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { defaultLimits } from '../../../src/registry/limits.ts';
import { UnpackPool } from '../../../src/registry/unpack-pool.ts';
import type { UnpackTask } from '../../../src/registry/unpack-worker.ts';
import { handler, slow, tarGz } from './archives.ts';
import { scratch } from './rig.ts';

/** Tasks for archives, each with a directory of its own. */
function tasks(t: TestContext, ms: number): (name: string, archive: Uint8Array) => UnpackTask {
  const base = scratch(t);
  return (name, archive) => {
    const [path, temporary] = [join(base, `${name}.tar.gz`), join(base, name)];
    writeFileSync(path, archive);
    mkdirSync(temporary);
    return { form: 'archive', path, known: undefined, store: base, temporary, limits: { ...defaultLimits, ms }, now: Date.now() };
  };
}

test('the deadline counts from when the work begins, and the pool works on after one was missed', async (t) => {
  const pool = new UnpackPool({ threads: 1 });
  t.after(() => pool.close());
  const task = tasks(t, 2000);
  const all = [task('slow', slow()), task('waits', tarGz(handler)), task('slow-too', slow()), task('waits-longer', tarGz(handler))];
  const results = await Promise.all(all.map((one) => pool.unpack(one)));
  assert.deepEqual(
    results.map(({ at }) => at),
    ['exhausted', 'unpacked', 'exhausted', 'unpacked'],
  );
});

test('closing ends what is under way and what waits', async (t) => {
  const pool = new UnpackPool({ threads: 1 });
  const task = tasks(t, 60_000);
  const first = pool.unpack(task('first', tarGz(handler)));
  const rest = [pool.unpack(task('slow', slow())), pool.unpack(task('waits', tarGz(handler)))];
  assert.equal((await first).at, 'unpacked');
  await pool.close();
  await pool.close();
  assert.deepEqual(
    (await Promise.all(rest)).map(({ at }) => at),
    ['failed', 'failed'],
  );
  assert.equal((await pool.unpack(task('late', tarGz(handler)))).at, 'failed');
  await assert.rejects(pool.remove('/nonexistent'), /closed/);
});

test('a pool that was never used closes', async () => {
  await new UnpackPool().close();
});
