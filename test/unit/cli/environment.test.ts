import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { makeEnvironment } from '../../../src/cli/init.ts';
import { loadConfig } from '../../../src/config/load.ts';

test('a new environment has a config that loads without a word, with everything in its directory', (t) => {
  const dir = join(scratch(t), 'deep/env');
  assert.equal(makeEnvironment(dir), true);
  const warnings: string[] = [];
  const config = loadConfig(join(dir, 'config.json'), { warn: (line) => warnings.push(line) });
  assert.deepEqual(warnings, []);
  assert.deepEqual([config.registry, config.worker_dir], [join(dir, 'registry'), join(dir, 'worker')]);
});

test('its config has the keys that scripts for OpenLambda change', (t) => {
  const dir = scratch(t);
  makeEnvironment(dir);
  const config = JSON.parse(readFileSync(join(dir, 'config.json'), 'utf8')) as Record<string, object>;
  const keys = ['worker_port', 'registry', 'sandbox', 'limits', 'features', 'trace', 'storage', 'mem_pool_mb', 'import_cache_tree'];
  assert.deepEqual(
    keys.filter((key) => config[key] === undefined),
    [],
  );
});

test('one that is there is left as it is', (t) => {
  const dir = scratch(t);
  writeFileSync(join(dir, 'config.json'), 'mine');
  assert.equal(makeEnvironment(dir), false);
  assert.equal(readFileSync(join(dir, 'config.json'), 'utf8'), 'mine');
});

test('it is not made among the files of something else', (t) => {
  const dir = scratch(t);
  mkdirSync(join(dir, 'holiday-pictures'));
  assert.throws(() => makeEnvironment(dir), /it has files and no config\.json/);
  writeFileSync(join(dir, 'file'), '');
  assert.throws(() => makeEnvironment(join(dir, 'file/env')), /make an environment in ".*file\/env": ENOTDIR/);
});

function scratch(t: TestContext): string {
  const dir = mkdtempSync(join(tmpdir(), 'environment-'));
  t.after(() => rmSync(dir, { recursive: true }));
  return dir;
}
