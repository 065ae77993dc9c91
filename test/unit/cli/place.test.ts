import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { Failure } from '../../../src/cli/failure.ts';
import { placeOf } from '../../../src/cli/place.ts';

const before = process.cwd();
let dir: string;
beforeEach(() => {
  dir = realpathSync(mkdtempSync(join(tmpdir(), 'place-')));
  process.chdir(dir);
});
afterEach(() => {
  process.chdir(before);
  rmSync(dir, { recursive: true });
});

test('without -p it is default-ol, and where there is none the config.json that is here', () => {
  config('.', { worker_dir: 'here' });
  assert.equal(placeOf({}).workerDir, join(dir, 'here'));
  config('default-ol', { worker_dir: '/srv/ol' });
  const place = placeOf({});
  assert.deepEqual([place.configFile, place.workerDir, place.socket], [join(dir, 'default-ol/config.json'), '/srv/ol', '/srv/ol/ol.sock']);
});

test('-p and -c name one, and not both', () => {
  config('a', { worker_dir: '/srv/a' });
  assert.equal(placeOf({ path: 'a' }).workerDir, '/srv/a');
  assert.equal(placeOf({ config: 'a/config.json' }).workerDir, '/srv/a');
  assert.throws(() => placeOf({ path: 'a', config: 'a/config.json' }), usage(/one of -p and -c/));
});

test('what is not there, or is no config, is told with its name', () => {
  assert.throws(() => placeOf({}), usage(/default-ol\/config\.json": ENOENT.*worker init/));
  writeFileSync('config.json', '{');
  assert.throws(() => placeOf({}), usage(/read the config ".*config\.json": .*JSON/));
  writeFileSync('config.json', '3');
  assert.throws(() => placeOf({}), usage(/it is no JSON object/));
});

test('what is absent has the defaults, and what makes no sense does no harm', () => {
  config('.', {});
  assert.deepEqual(placeOf({}).tcp, { host: 'localhost', port: 8080, token: undefined });
  assert.equal(placeOf({}).stopMs, 70_000);
  config('.', { worker_port: '0', worker_dir: 7, limits: 'none', drain_ms: {} });
  const { tcp, workerDir, stopMs } = placeOf({});
  assert.deepEqual([tcp, workerDir, stopMs], [undefined, join(dir, 'worker'), 70_000]);
});

test('the time to stop is what draining and the longest call take, and some', () => {
  config('.', { drain_ms: 5000, limits: { runtime_sec: 100 } });
  assert.equal(placeOf({}).stopMs, 145_000);
});

test('an engine is where the config says, and only where sandboxes are its containers', () => {
  config('.', { sandbox: 'sock', docker: { socket: '/run/a.sock' } });
  assert.equal(placeOf({}).engine, undefined);
  config('.', { docker: { socket: '/run/a.sock' } });
  assert.equal(placeOf({}).engine, '/run/a.sock');
  config('.', { sandbox: 'docker', docker: 'none' });
  assert.equal(placeOf({}).engine, process.env.DOCKER_HOST?.replace('unix://', '') ?? '/var/run/docker.sock');
});

function config(where: string, content: object): void {
  mkdirSync(where, { recursive: true });
  writeFileSync(join(where, 'config.json'), JSON.stringify(content));
}

function usage(words: RegExp) {
  return (error: unknown) => error instanceof Failure && error.exitCode === 2 && words.test(error.message);
}
