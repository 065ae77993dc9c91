// What running workers leave in their environment, and the worker that commands find by it. A worker here is a process that holds a lock, as one does.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { Failure } from '../../../src/cli/failure.ts';
import { placeOf, placesOf } from '../../../src/cli/place.ts';
import { leave, records, sweep, takeBack } from '../../../src/cli/record.ts';

test('what is left is there until it is taken back, the last of it', (t) => {
  const dir = environment(t);
  assert.deepEqual(records(dir), []);
  leave(dir, { worker_dir: '/a' });
  leave(dir, { worker_dir: '/b', worker_port: 1 });
  assert.deepEqual(records(dir), [{ pid: process.pid, record: { worker_dir: '/b', worker_port: 1 } }]);
  takeBack(dir);
  assert.deepEqual(readdirSync(join(dir, 'running')), []);
});

test('what dead workers have left is swept, for one worker_dir, and what is no record counts as none', (t) => {
  const dir = environment(t);
  const { pid: dead } = spawnSync('true');
  leave(dir, { worker_dir: '/a' });
  write(dir, dead, { worker_dir: '/a' });
  for (const [name, text] of Object.entries({ '7.json': '{', '8.json': '3', '9.json': '{"worker_dir":3}', x: '{}' }))
    writeFileSync(join(dir, 'running', name), text);
  const pids = () => records(dir).map(({ pid }) => pid);
  sweep(dir, '/b');
  assert.deepEqual(pids().sort(), [process.pid, dead].sort());
  sweep(dir, '/a');
  assert.deepEqual(pids(), [process.pid]);
});

test('a worker that runs is found wherever it is, and with -o the one that is named', async (t) => {
  const dir = environment(t);
  const elsewhere = await worker(t, dir, { worker_port: 4711, 'limits.runtime_sec': 100 });
  const place = placeOf({ path: dir });
  assert.deepEqual([place.workerDir, place.tcp?.port, place.stopMs], [elsewhere, 4711, 140_000]);
  assert.equal(placeOf({ path: dir, options: ['worker_port=1'] }).workerDir, join(dir, 'worker'));
  assert.equal(placeOf({ path: dir, options: [`worker_dir=${elsewhere}`] }).workerDir, elsewhere);
});

test('of several that run one has to be named', async (t) => {
  const dir = environment(t);
  const both = [await worker(t, dir, {}), await worker(t, dir, {})];
  assert.throws(
    () => placeOf({ path: dir }),
    (error) => error instanceof Failure && error.exitCode === 2 && both.every((one) => error.message.includes(`-o worker_dir=${one}`)),
  );
});

test('one that was killed hides none, and is among those to clean up', (t) => {
  const dir = environment(t);
  write(dir, spawnSync('true').pid, { worker_dir: join(dir, 'killed') });
  assert.equal(placeOf({ path: dir }).workerDir, join(dir, 'worker'));
  assert.deepEqual(
    placesOf({ path: dir }).map(({ workerDir }) => workerDir),
    [join(dir, 'worker'), join(dir, 'killed')],
  );
});

test('an -o that cannot be read is told', (t) => {
  const dir = environment(t);
  assert.throws(() => placeOf({ path: dir, options: ['worker_dir'] }), { exitCode: 2, message: /-o "worker_dir": expected key=value/ });
  assert.throws(() => placeOf({ path: dir, options: ['worker_dir.x=1'] }), { exitCode: 2, message: /-o worker_dir: expected an object/ });
});

function environment(t: TestContext): string {
  const dir = realpathSync(mkdtempSync(join(tmpdir(), 'record-')));
  t.after(() => rmSync(dir, { recursive: true }));
  writeFileSync(join(dir, 'config.json'), JSON.stringify({ sandbox: 'sock', worker_dir: join(dir, 'worker') }));
  mkdirSync(join(dir, 'running'));
  return dir;
}

function write(dir: string, pid: number, record: object): void {
  writeFileSync(join(dir, `running/${pid}.json`), JSON.stringify(record));
}

/** Its worker_dir. */
async function worker(t: TestContext, dir: string, record: object): Promise<string> {
  const workerDir = mkdtempSync(join(dir, 'elsewhere-'));
  const script = 'import fcntl,sys; f = open(sys.argv[1], "a"); fcntl.flock(f, fcntl.LOCK_EX); print("held", flush=True); sys.stdin.read()';
  const child = spawn('python3', ['-c', script, join(workerDir, 'lock')], { stdio: ['pipe', 'pipe', 'inherit'] });
  t.after(() => child.kill('SIGKILL'));
  await once(child.stdout, 'data');
  assert.ok(child.pid !== undefined && existsSync(join(workerDir, 'lock')));
  write(dir, child.pid, { worker_dir: workerDir, ...record });
  return workerDir;
}
