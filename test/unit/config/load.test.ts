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
    log_level: 'info',
    worker_dir: path.resolve('worker'),
    server_mode: 'lambda',
    registry_cache_ms: 5000,
    insecure_registries: [],
    image_store_mb: 20_480,
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
    http_engine: 'auto',
    admin_tcp: true,
    standbys: 2,
    max_standbys: 8,
    lambda_zygotes: 'auto',
    eviction: 'lru',
    force_start: true,
    max_instances: 64,
    docker: { runtime: '', base_image: '', socket: '/var/run/docker.sock' },
    trace: { requests: 1000 },
    adminApi: 'open',
  });
});

const accepted: readonly (readonly [says: string, given: object, key: string, value: unknown])[] = [
  ['a port as a string', { worker_port: '5000' }, 'worker_port', 5000],
  ['port 0', { worker_port: 0 }, 'worker_port', 0],
  ['a relative registry', { registry: './lambdas' }, 'registry', path.resolve('lambdas')],
  ['a file URL as registry', { registry: 'file:///srv/my%20lambdas' }, 'registry', '/srv/my lambdas'],
  [
    'a registry over HTTP, as it is',
    { registry: 'https://me:p%40ss@h:1/a b'.replace(' ', '%20') },
    'registry',
    'https://me:p%40ss@h:1/a%20b',
  ],
  ['a bucket', { registry: 's3://my.bucket/a b/50%' }, 'registry', 's3://my.bucket/a b/50%'],
  [
    'a registry of images',
    { registry: 'oci://registry.example.org:5000/team/apps' },
    'registry',
    'oci://registry.example.org:5000/team/apps',
  ],
  ['registries without TLS', { insecure_registries: ['h.lan:5000'] }, 'insecure_registries', ['h.lan:5000']],
  ['a relative registry_ca', { registry_ca: 'ca.pem' }, 'registry_ca', path.resolve('ca.pem')],
  ['no registry', { registry: '', worker_dir: '/srv/w' }, 'registry', '/srv/w/registry'],
  ['the name of its schema', { $schema: './config.schema.json' }, 'worker_port', 8080],
  ['sock mode', { server_mode: 'sock' }, 'server_mode', 'sock'],
  ['an address in brackets', { worker_url: '[::1]' }, 'worker_url', '::1'],
  ['more standbys than max_standbys is by default', { standbys: 12 }, 'max_standbys', 12],
  ['a policy of eviction', { eviction: 'gdsf' }, 'eviction', 'gdsf'],
  ['no zygotes of lambdas', { lambda_zygotes: 'off' }, 'lambda_zygotes', 'off'],
  ['a time to drain', { drain_ms: 5000 }, 'drain_ms', 5000],
  ['no kept requests', { trace: { requests: 0 } }, 'trace', { requests: 0 }],
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

const host = 'a host name or address to listen on, without a port ("0.0.0.0" for all)';
const socket = 'the absolute path of a unix socket, unix://<path>, or ""';
const refused: readonly (readonly [given: unknown, ...lines: string[]])[] = [
  [[], 'expected a JSON object, got []'],
  [null, 'expected a JSON object, got null'],
  [{ sandbox: 'podman' }, 'sandbox: expected "docker" or "sock", got "podman"'],
  [{ docker: { socket: 'docker.sock' } }, `docker.socket: expected ${socket}, got "docker.sock"`],
  [{ docker: { socket: 'tcp://localhost:2375' } }, `docker.socket: expected ${socket}, got "tcp://localhost:2375"`],
  [
    { docker: { base_image: 'my image' } },
    'docker.base_image: expected the name of an image, like python:3.12-slim, or "", got "my image"',
  ],
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
  [{ ...sock, worker_url: 'http://localhost' }, `worker_url: expected ${host}, got "http://localhost"`],
  [{ ...sock, worker_url: 'localhost:8080' }, `worker_url: expected ${host}, got "localhost:8080"`],
  [{ ...sock, worker_url: '' }, `worker_url: expected ${host}, got ""`],
  [
    { ...sock, admin_token: 'with spaces in it' },
    'admin_token: expected 16 to 1024 visible ASCII characters, got a value that is not shown',
  ],
  [{ ...sock, eviction: 'fifo' }, 'eviction: expected "lru", "ttl" or "gdsf", got "fifo"'],
  [{ ...sock, standbys: 3, max_standbys: 2 }, 'max_standbys: expected at least standbys (3), got 2'],
  [{ ...sock, limits: { header_kb: 65 } }, 'limits.header_kb: expected a whole number of KiB from 1 to 64, got 65'],
  [{ ...sock, limits: { body_mb: 2 ** 20 + 1 } }, 'limits.body_mb: expected a number of MB above 0, at most 1048576, got 1048577'],
  [{ ...sock, trace: { request: 5 } }, 'trace.request: expected a known key (did you mean "requests"?), got 5'],
  [{ ...sock, storage: { root: 'disk' } }, 'storage.root: expected "", "memory" or "private", got "disk"'],
  [{ ...sock, $schema: 5 }, '$schema: expected a string, got 5'],
  [{ ...sock, mem_pool_mb: 40 }, 'mem_pool_mb: expected at least limits.mem_mb (50), got 40'],
  [
    { ...sock, registry: 'ftp://host/', limits: { procs: 0, enforce: 'hard' }, force_start: 'yes' },
    'registry: expected a directory, or a URL: file:///dir, http(s)://host/path/, s3://bucket/prefix, oci://host[:port]/prefix, got "ftp://host/"',
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

test('without a sandbox it is docker, and the engine is where the config says, else DOCKER_HOST, else where it is by default', () => {
  const given = process.env.DOCKER_HOST;
  try {
    delete process.env.DOCKER_HOST;
    const socketOf = (docker: object) => parseConfig({ docker }).docker.socket;
    assert.deepEqual([parseConfig({}).sandbox, socketOf({})], ['docker', '/var/run/docker.sock']);
    assert.equal(socketOf({ socket: 'unix:///run/a.sock' }), '/run/a.sock');
    process.env.DOCKER_HOST = 'unix:///run/user/1000/docker.sock';
    assert.equal(socketOf({}), '/run/user/1000/docker.sock');
    process.env.DOCKER_HOST = 'tcp://10.1.1.1:2375';
    assert.throws(() => parseConfig({}), /docker: expected a unix socket, in docker\.socket or DOCKER_HOST, got .*tcp:/);
    assert.equal(socketOf({ socket: '/run/a.sock' }), '/run/a.sock');
    assert.equal(parseConfig(sock).sandbox, 'sock');
  } finally {
    if (given === undefined) delete process.env.DOCKER_HOST;
    else process.env.DOCKER_HOST = given;
  }
});

for (const port of [-1, 65_536, 1.5, '65536', '', ' 80', '0x50', null, true]) {
  test(`${JSON.stringify(port)} is no port`, () => {
    assert.throws(() => parseConfig({ ...sock, worker_port: port }), /^ConfigError: worker_port: expected a .*got/);
  });
}

test('the config that OpenLambda writes by default starts, with one warning for each key that asks for what this version does not do', (t) => {
  const warnings: string[] = [];
  const config = loadConfig(writtenConfig(t, openLambda), { warn: (line) => warnings.push(line) });
  assert.deepEqual(
    warnings.map((line) => line.split(':')[0]),
    ['Pkgs_dir', 'import_cache_tree', 'installer_limits', 'features.import_cache', 'features.downsize_paused_mem', 'storage', 'kafka'],
  );
  assert.equal(config.worker_port, 5000);
  assert.equal(config.registry, '/srv/ol/registry');
  assert.equal(config.sock_base_path, '/srv/ol/lambda');
  assert.equal(config.log_output, 'stdout');
});

test('the older name of the time limit, and every switch of OpenLambda, are known', (t) => {
  const value = {
    ...openLambda,
    limits: { procs: 10, mem_mb: 50, cpu_percent: 100, swappiness: 0, max_runtime_default: 20, installer_mem_mb: 250 },
    trace: { cgroups: true, memory: false, evictor: true, package: false, latency: false },
    features: { enable_seccomp: false },
    pip_mirror: 'https://pip.example.org/simple',
    sandbox_config: { a: 1 },
  };
  const warnings: string[] = [];
  assert.equal(loadConfig(writtenConfig(t, value), { warn: (line) => warnings.push(line) }).limits.runtime_sec, 20);
  for (const line of [
    'pip_mirror: has no effect, packages are not installed by this version',
    'features.enable_seccomp: has no effect, seccomp is always on',
    'limits.installer_mem_mb: has no effect, packages are not installed by this version',
    'trace.cgroups: has no effect, the phases of every request are in its Server-Timing header',
    'trace.evictor: has no effect, the phases of every request are in its Server-Timing header',
    'sandbox_config: has no effect, sandboxes take nothing from it',
  ]) {
    assert.ok(warnings.includes(line), `${line} in\n${warnings.join('\n')}`);
  }
  assert.ok(!warnings.some((line) => line.startsWith('trace.memory')));
});

test('that the admin API is off is told when the config is loaded', (t) => {
  const warnings: string[] = [];
  loadConfig(writtenConfig(t, { ...sock, worker_url: '0.0.0.0' }), { warn: (line) => warnings.push(line) });
  assert.deepEqual(warnings, [
    'worker_url: "0.0.0.0" is not loopback and there is no admin_token, so the admin API is off (set admin_token to have it)',
  ]);
});

test('what may be a secret is not told, under a mistyped key neither', () => {
  const given = {
    ...sock,
    admin_token: 'hunter2',
    'admin-token': 'hunter2',
    registry_auth: { 'registry.example.org': { username: 'me', password: '', pass: 'hunter2' } },
    registry: 'https://me:hunter2@/hunter3?q',
  };
  assert.throws(
    () => parseConfig(given),
    (error) => {
      assert.ok(error instanceof ConfigError);
      assert.equal(error.problems.length, 5);
      assert.doesNotMatch(error.message, /hunter2/);
      return true;
    },
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

/** What `ol worker init -p /srv/ol` of OpenLambda a288ce1 writes (go/common/config.go), on a machine with 8 GB. */
const openLambda = {
  worker_dir: '/srv/ol/worker',
  worker_url: 'localhost',
  worker_port: '5000',
  log_output: true,
  sandbox: 'sock',
  server_mode: 'lambda',
  registry: 'file:///srv/ol/registry',
  registry_cache_ms: 5000,
  Pkgs_dir: '/srv/ol/lambda/packages',
  pip_mirror: '',
  mem_pool_mb: 7444,
  import_cache_tree: '/srv/ol/default-zygotes-40.json',
  sock_base_path: '/srv/ol/lambda',
  sandbox_config: {},
  docker: { runtime: '', base_image: 'ol-min' },
  limits: { procs: 10, mem_mb: 50, cpu_percent: 100, swappiness: 0, runtime_sec: 30 },
  installer_limits: { procs: 0, mem_mb: 250, cpu_percent: 0, swappiness: 0, runtime_sec: 300 },
  features: { reuse_cgroups: false, import_cache: 'tree', downsize_paused_mem: true, enable_seccomp: true },
  trace: { cgroups: false, memory: false, evictor: false, package: false, latency: false },
  storage: { root: 'private', scratch: '', code: '' },
  kafka: { cache_enabled: true, cache_size: 1024, session_timeout_sec: 10, heartbeat_interval_sec: 3, poll_timeout_sec: 1 },
};

function writtenConfig(t: test.TestContext, value: unknown): string {
  const dir = mkdtempSync(path.join(os.tmpdir(), 'config-'));
  t.after(() => rmSync(dir, { recursive: true }));
  const file = path.join(dir, 'config.json');
  writeFileSync(file, JSON.stringify(value) ?? '{');
  return file;
}
