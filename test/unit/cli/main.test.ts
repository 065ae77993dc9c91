import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import test from 'node:test';
import { fileURLToPath } from 'node:url';

const main = fileURLToPath(new URL('../../../src/cli/main.js', import.meta.url));

const lines: readonly (readonly [args: readonly string[], exit: number, says: RegExp])[] = [
  [['--version'], 0, /^\d+\.\d+\.\d+\n$/],
  [['--help'], 0, /--config.*doctor|doctor[\s\S]*--config/],
  [['doctor', '--help'], 0, /--json/],
  [['--confg', 'x'], 2, /unknown option '--confg'/],
  [['frob'], 2, /unknown command "frob"/],
  [['--config'], 2, /argument missing/],
  [['worker'], 0, /Usage: worker/],
  [['up', '--help'], 0, /--detach[\s\S]*Examples:\n {2}sudo worker up/],
  [['status', '--help'], 0, /3 not running/],
  [['status', '-p', '/no/such'], 2, /read the config "\/no\/such\/config.json": ENOENT/],
  [['worker', 'down', '-p=/no/such'], 2, /read the config "\/no\/such\/config.json": ENOENT/],
  [['down', '-t', 'soon'], 2, /Expected seconds/],
  [['logs', 'x', '-n', '-1'], 2, /Expected a number of lines/],
  [['logs'], 2, /missing required argument 'lambda'/],
  [['new', 'x', '-r', 'cobol'], 2, /Allowed choices are python, native, node/],
  [['admin', 'install'], 2, /missing required argument 'source'/],
  [
    ['run', '-o', 'worker_port', '-c', join(import.meta.dirname, '../../../../config.json')],
    2,
    /^worker: what -o gives cannot be used:\n {2}-o "worker_port": expected key=value/,
  ],
  [['--config', '/no/such.json'], 2, /the config "\/no\/such.json" cannot be used:\n {2}read .*ENOENT/],
];
for (const [args, exit, says] of lines) {
  test(`worker ${args.join(' ')} exits with ${exit}`, () => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [main, ...args], { encoding: 'utf8' });
    assert.match(stdout + stderr, says);
    assert.equal(status, exit);
  });
}

test('who reads no further is no error', async (t) => {
  const child = spawn(process.execPath, [main, '--help'], { stdio: ['ignore', 'pipe', 'pipe'] });
  t.after(() => child.kill());
  child.stdout.destroy();
  const [said, [exit]] = await Promise.all([text(child.stderr), once(child, 'exit')]);
  assert.deepEqual([said, exit], ['', 0]);
});

test('worker doctor --json prints findings, and its exit code says whether something needed is missing', (t) => {
  const wrong = join(mkdtempSync(join(tmpdir(), 'main-')), 'config.json');
  t.after(() => rmSync(dirname(wrong), { recursive: true }));
  writeFileSync(wrong, '{"worker_port": "none"}');
  for (const args of [[], ['--config', wrong]]) {
    const { status, stdout } = spawnSync(process.execPath, [main, 'doctor', '--json', ...args], { encoding: 'utf8' });
    const missing = (JSON.parse(stdout) as { name: string; state: string }[]).filter(({ state }) => state === 'missing');
    assert.equal(status, missing.length > 0 ? 1 : 0);
    if (args.length > 0) assert.equal(missing[0]?.name, 'config');
    else assert.ok(stdout.includes('"name": "kernel"'));
  }
});

test('worker status loads neither the schema of the config nor any other command', (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'main-'));
  t.after(() => rmSync(dir, { recursive: true }));
  writeFileSync(join(dir, 'config.json'), JSON.stringify({ worker_dir: dir }));
  const env = { ...process.env, NODE_V8_COVERAGE: join(dir, 'coverage') };
  assert.equal(spawnSync(process.execPath, [main, 'status', '-p', dir], { env }).status, 3);
  const loaded = readdirSync(env.NODE_V8_COVERAGE).flatMap((file) => {
    const { result } = JSON.parse(readFileSync(join(env.NODE_V8_COVERAGE, file), 'utf8')) as { result: { url: string }[] };
    return result.flatMap(({ url }) => /(?:dist\/src|node_modules)\/([^/]+\/[^.]*)\.c?js$/.exec(url)?.[1] ?? []);
  });
  const own = ['argv', 'client', 'colour', 'completion/shells', 'failure', 'holder', 'main', 'place', 'program', 'record', 'status'];
  assert.deepEqual(loaded.filter((file) => !file.startsWith('commander/')).sort(), [
    ...own.map((file) => `cli/${file}`),
    ...['config-error', 'docker-socket', 'overrides', 'problem-line'].map((file) => `config/${file}`),
    'picocolors/picocolors',
    'runtime/languages',
  ]);
});
