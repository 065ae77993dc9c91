import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import { holderOf, holders } from '../../../src/cli/holder.ts';

const locks = `1: FLOCK  ADVISORY  WRITE 101 fe:00:77 0 EOF
2: POSIX  ADVISORY  WRITE 102 fe:00:77 0 EOF
2: -> FLOCK  ADVISORY  WRITE 103 fe:00:77 0 EOF
3: FLOCK  ADVISORY  READ  104 fe:00:77 0 EOF
4: FLOCK  ADVISORY  WRITE 105 00:2a:77 0 EOF
5: FLOCK  ADVISORY  WRITE 0 fe:00:77 0 EOF
6: FLOCK  ADVISORY  WRITE 106 fe:00:777 0 EOF
`;

test('in the table of locks those count that hold an exclusive flock on the file, not those that wait', () => {
  assert.deepEqual(holders(locks, 77n), [101, 105]);
  assert.deepEqual(holders('', 77n), []);
});

test('a lock has the holder that has it, and none when that has been killed', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'holder-'));
  t.after(() => rmSync(dir, { recursive: true }));
  const lock = join(dir, 'lock');
  assert.equal(holderOf(lock), undefined);
  assert.equal(holderOf(join(lock, 'below')), undefined);

  // As the worker does it: the process that locks is the one that keeps the file open.
  const script = 'import fcntl,sys; f = open(sys.argv[1], "a"); fcntl.flock(f, fcntl.LOCK_EX); print("held", flush=True); sys.stdin.read()';
  const child = spawn('python3', ['-c', script, lock], { stdio: ['pipe', 'pipe', 'inherit'] });
  t.after(() => child.kill('SIGKILL'));
  await once(child.stdout, 'data');
  assert.equal(holderOf(lock), child.pid);

  child.kill('SIGKILL');
  await once(child, 'exit');
  assert.equal(holderOf(lock), undefined);
});
