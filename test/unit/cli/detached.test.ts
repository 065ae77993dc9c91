import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { detached } from '../../../src/cli/detached.ts';

/** In place of this program: does what its argument says, after a line as of another worker that writes to the same log. */
const program = `
console.log('listening on http://another:1 (x)');
const acts = {
  listens: () => { process.send({ at: 'listening', url: 'http://own:2' }); setInterval(() => {}, 1e6); },
  fails: () => process.send({ at: 'failed', why: 'the port is taken' }, () => process.exit(7)),
  ends: () => { console.error('no such thing'); process.exit(3); },
};
acts[process.argv[2]]();
`;
const [, main = ''] = process.argv;
let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'detached-'));
  process.argv[1] = join(dir, 'program.mjs');
  writeFileSync(process.argv[1], program);
  writeFileSync(join(dir, 'worker.out'), 'of an earlier one\n');
});
afterEach(() => {
  process.argv[1] = main;
  rmSync(dir, { recursive: true });
});

test('a start is told by the process itself, whatever others write to the log', async () => {
  const { pid, url, log } = await detached({ dir, args: ['listens'] });
  assert.ok(process.kill(Number(pid), 'SIGKILL'));
  assert.deepEqual([url, log], ['http://own:2', join(dir, 'worker.out')]);
  assert.match(readFileSync(log, 'utf8'), /^of an earlier one\nlistening on http:\/\/another:1/);
});

test('a start that fails is told in its own words, with its own exit code', async () => {
  await assert.rejects(detached({ dir, args: ['fails'] }), { name: 'Failure', message: 'the port is taken', exitCode: 7 });
});

test('of one that ends without a word the log is shown, from its start on', async () => {
  await assert.rejects(detached({ dir, args: ['ends'] }), {
    exitCode: 3,
    message: `start a worker: it ended with exit code 3; in "${dir}/worker.out":\n  listening on http://another:1 (x)\n  no such thing`,
  });
});
