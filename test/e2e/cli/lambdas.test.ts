// From code to an answer: new, pull, admin install.
import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { needsRoot } from '../worker.ts';
import { ground } from './ground.ts';

describe('lambdas', needsRoot, () => {
  test('pull brings the code onto the node of a worker that does not run, under its lock', (t) => {
    const { run, dir } = ground(t);
    run(['new', 'hello', '-p', 'env']);
    const { exit, stdout, stderr } = run(['pull', 'hello', 'nobody', '-p', 'env']);
    assert.deepEqual([exit, stdout], [1, 'hello: its code is on the node\n']);
    assert.match(stderr, /pull "nobody": no such lambda in the registry\n.*1 of 2/);
    assert.deepEqual(readdirSync(join(dir, 'env/worker/store/names')), ['hello']);
    assert.equal(run(['pull', 'hello', '-p', 'env']).exit, 0);
  });

  test('logs needs a worker, and says where else the lines are', (t) => {
    const { exit, stderr } = ground(t).run(['logs', 'hello', '-p', 'env']);
    assert.equal(exit, 1);
    assert.match(stderr, /no worker runs in .*log_output/);
  });

  test('new is refused for a name that is taken', (t) => {
    const { run, dir } = ground(t);
    assert.equal(run(['new', 'hello', '-p', 'env']).exit, 0);
    const { exit, stderr } = run(['new', 'hello', '-p', 'env', '-r', 'node']);
    assert.equal(exit, 1);
    assert.match(stderr, /registry\/hello" is there/);
    assert.ok(!existsSync(join(dir, 'env/registry/hello/index.mjs')));
  });
});
