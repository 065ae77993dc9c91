import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import test from 'node:test';
import { ConfigError, loadConfig, parseConfig } from '../../../src/config/load.ts';

const sock = { sandbox: 'sock' };

test('a config that names only the backend gets every default of the contract', () => {
  const { mem_pool_mb, ...config } = parseConfig(sock);
  assert.equal(mem_pool_mb, Math.max(500, Math.floor(os.totalmem() / 2 ** 20) - 500));
  assert.deepEqual(config, {
    worker_port: 8080,
    worker_url: 'localhost',
    registry: path.resolve('worker/registry'),
    sandbox: 'sock',
    log_output: 'stdout',
    worker_dir: path.resolve('worker'),
    server_mode: 'lambda',
    registry_cache_ms: 5000,
    sock_base_path: 'host',
    network: 'none',
    limits: {
      procs: 10,
      mem_mb: 50,
      cpu_percent: 100,
      swappiness: 0,
      runtime_sec: 30,
      tmp_mb: 64,
      queue: 1000,
      body_mb: 8,
      header_kb: 16,
      enforce: 'best-effort',
    },
    keep_warm_ms: 60_000,
    freeze_after_ms: 1000,
    drain_ms: 0,
    standbys: 2,
    max_standbys: 8,
    lambda_zygotes: 'auto',
    eviction: 'lru',
    force_start: true,
    max_instances: 64,
    trace: { requests: 1000 },
    adminApi: 'open',
  });
});

const accepted: readonly (readonly [says: string, given: object, key: string, value: unknown])[] = [
  ['a port as a string', { worker_port: '5000' }, 'worker_port', 5000],
  ['port 0', { worker_port: 0 }, 'worker_port', 0],
  ['a relative registry', { registry: './lambdas' }, 'registry', path.resolve('lambdas')],
  ['a file URL as registry', { registry: 'file:///srv/my%20lambdas' }, 'registry', '/srv/my lambdas'],
  ['no registry', { registry: '', worker_dir: '/srv/w' }, 'registry', '/srv/w/registry'],
  ["OpenLambda's log_output true", { log_output: true }, 'log_output', 'stdout'],
  ["OpenLambda's log_output false", { log_output: false }, 'log_output', '/dev/null'],
  ['a log file', { log_output: 'logs/w.log' }, 'log_output', path.resolve('logs/w.log')],
  ['a base directory', { sock_base_path: '/srv/base' }, 'sock_base_path', '/srv/base'],
];
for (const [says, given, key, value] of accepted) {
  test(`${says} is taken`, () => {
    assert.deepEqual(Reflect.get(parseConfig({ ...sock, ...given }), key), value);
  });
}

test('a time limit that is absent or 0 is max_runtime_default, as in OpenLambda', () => {
  const runtime = (limits: object) => parseConfig({ ...sock, limits }).limits.runtime_sec;
  assert.equal(runtime({ max_runtime_default: 7 }), 7);
  assert.equal(runtime({ max_runtime_default: 7, runtime_sec: 0 }), 7);
  assert.equal(runtime({ max_runtime_default: 7, runtime_sec: 0.5 }), 0.5);
});

const refused: readonly (readonly [given: unknown, ...lines: string[]])[] = [
  [[], 'the config: expected a JSON object, got []'],
  [null, 'the config: expected a JSON object, got null'],
  [{}, 'sandbox: expected "sock" (without the key it is "docker", which this version does not have yet), got "docker"'],
  [{ ...sock, server_mode: 'both' }, 'server_mode: expected "lambda" or "sock", got "both"'],
  [{ ...sock, network: 'host' }, 'network: expected "none" (this version gives sandboxes no network), got "host"'],
  [{ ...sock, worker_prot: 1 }, 'worker_prot: expected a known key (did you mean "worker_port"?), got 1'],
  [{ ...sock, 'Worker-Port': 1 }, 'Worker-Port: expected a known key (did you mean "worker_port"?), got 1'],
  [{ ...sock, limits: { memmb: 9 } }, 'limits.memmb: expected a known key (did you mean "mem_mb"?), got 9'],
  [{ ...sock, docker: { base_imgae: '' } }, 'docker.base_imgae: expected a known key (did you mean "base_image"?), got ""'],
  [{ ...sock, colour: 'red' }, 'colour: expected a known key, got "red"'],
  [{ ...sock, limits: 3 }, 'limits: expected an object, got 3'],
  [{ ...sock, standbys: 1.5 }, 'standbys: expected a whole number from 0 to 64, got 1.5'],
  [{ ...sock, sock_base_path: 'base' }, 'sock_base_path: expected "host" or an absolute directory, got "base"'],
  [{ ...sock, mem_pool_mb: 40 }, 'mem_pool_mb: expected at least limits.mem_mb (50), got 40'],
  [
    { ...sock, registry: 's3://bucket', limits: { procs: 0, enforce: 'hard' }, force_start: 'yes' },
    'registry: expected a directory or a file:// URL (this version reads registries from directories only), got "s3://bucket"',
    'limits.procs: expected a whole number from 1 to 32768, got 0',
    'limits.enforce: expected "best-effort" or "strict", got "hard"',
    'force_start: expected true or false, got "yes"',
  ],
];
for (const [given, ...lines] of refused) {
  test(`${JSON.stringify(given)} is refused with ${lines.length} line(s) of key, expectation, value`, () => {
    assert.throws(() => parseConfig(given), { name: 'ConfigError', problems: lines, message: lines.join('\n') });
  });
}

for (const port of [-1, 65_536, 1.5, '65536', '', ' 80', '0x50', null, true]) {
  test(`${JSON.stringify(port)} is no port`, () => {
    assert.throws(() => parseConfig({ ...sock, worker_port: port }), /^ConfigError: worker_port: expected a .*got/);
  });
}

test('a config written for OpenLambda starts, with one warning for each key that asks for something this version does not do', (t) => {
  const file = writtenConfig(t, {
    ...sock,
    Pkgs_dir: '/srv/packages',
    pip_mirror: '',
    docker: { runtime: '', base_image: 'ol-min' },
    features: { import_cache: 'tree', enable_seccomp: true },
    trace: { cgroups: false, memory: false },
    storage: { root: 'private', scratch: '', code: '' },
    sandbox_config: {},
  });
  const warnings: string[] = [];
  loadConfig(file, { warn: (line) => warnings.push(line) });
  assert.deepEqual(
    warnings.map((line) => line.split(':')[0]),
    ['Pkgs_dir', 'docker', 'features.import_cache', 'storage'],
  );
});

test('a file that is absent or no JSON is refused by its name', (t) => {
  assert.throws(
    () => loadConfig('/no/such/config.json'),
    (error) => error instanceof ConfigError && /^read "\/no\/such\/config.json": ENOENT/.test(error.message),
  );
  const file = writtenConfig(t, undefined);
  assert.throws(() => loadConfig(file), /^ConfigError: parse ".*config.json": /);
});

function writtenConfig(t: test.TestContext, value: unknown): string {
  const dir = mkdtempSync(path.join(os.tmpdir(), 'config-'));
  t.after(() => rmSync(dir, { recursive: true }));
  const file = path.join(dir, 'config.json');
  writeFileSync(file, JSON.stringify(value) ?? '{');
  return file;
}
