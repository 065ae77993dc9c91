// bin/worker in a scratch folder, with programs in place of node and npm that say what they were asked.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import test, { type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';

const launcher = fileURLToPath(new URL('../../../../bin/worker', import.meta.url));
const notRoot = process.getuid?.() === 0 ? false : 'needs root, as the worker does';

test('started through a symlink it finds its own folder and hands its arguments to the command line', (t) => {
  const root = installed(t);
  const link = path.join(root, 'elsewhere');
  symlinkSync(path.join(root, 'bin/worker'), link);
  const { status, stdout, stderr } = launch(link, ['doctor', '--json', 'a b']);
  assert.equal(stdout, `${JSON.stringify([path.join(root, 'dist/src/cli/main.js'), 'doctor', '--json', 'a b'])}\n`);
  assert.equal(stderr, '');
  assert.equal(status, 0);
});

test('a node that is too old, or none, is told in one line', (t) => {
  const root = installed(t);
  const old = program(root, 'node18', 'echo 18');
  for (const [node, says] of [
    [old, `worker: needs Node 20 or newer; ${old} is Node 18\n`],
    ['/no/such/node', 'worker: needs Node 20 or newer, and there is no "/no/such/node" in PATH (NODE=/path/to/node names one)\n'],
  ] as const) {
    const { status, stderr } = launch(path.join(root, 'bin/worker'), ['doctor'], { NODE: node });
    assert.equal(stderr, says);
    assert.equal(status, 1);
  }
});

test('without the addon, what has no sandboxes still runs, and the worker says why it cannot be built', { skip: notRoot }, (t) => {
  const root = installed(t);
  rmSync(path.join(root, 'build/Release'), { recursive: true });
  for (const command of ['doctor', 'init', 'down', 'status', 'logs', 'new', 'completion'])
    for (const args of [[command], ['worker', command]])
      assert.equal(launch(path.join(root, 'bin/worker'), args).status, 0, args.join(' '));
  for (const args of [[], ['up'], ['worker', 'up'], ['force-cleanup'], ['admin', 'install']]) {
    const { status, stderr } = launch(path.join(root, 'bin/worker'), args);
    assert.match(stderr, /worker: node-gyp is not installed/);
    assert.equal(status, 1);
  }
});

test('the package brings it under its own name and that of OpenLambda', () => {
  const { bin } = JSON.parse(readFileSync(path.join(launcher, '../../package.json'), 'utf8')) as { bin: object };
  assert.deepEqual(bin, { ol: 'bin/worker', 'sock-worker': 'bin/worker' });
});

test('tests and benchmarks are refused where there is no checkout', { skip: notRoot }, (t) => {
  const { status, stderr } = launch(path.join(installed(t), 'bin/worker'), ['bench']);
  assert.match(stderr, /in a checkout/);
  assert.equal(status, 1);
});

test('in a checkout it installs and compiles once, saying so, and again only what has changed', (t) => {
  const root = checkout(t, 'mkdir -p node_modules/.bin dist; touch node_modules/.package-lock.json node_modules/.bin/tsc');
  const said = () => launch(path.join(root, 'bin/worker'), ['doctor'], { PATH: `${root}/programs:${process.env.PATH}` }).stderr;
  assert.equal(said(), 'worker: installing npm packages\nworker: compiling TypeScript\n');
  assert.equal(said(), '');
  const later = new Date(Date.now() + 5000);
  utimesSync(path.join(root, 'src'), later, later);
  assert.equal(said(), 'worker: compiling TypeScript\n');
});

test('when a step fails it shows the end of the log and names it', (t) => {
  const root = checkout(t, 'echo no such package; exit 3');
  const { status, stderr } = launch(path.join(root, 'bin/worker'), ['doctor'], { PATH: `${root}/programs:${process.env.PATH}` });
  assert.match(
    stderr,
    /^worker: installing npm packages\n[\s\S]*no such package\nworker: installing npm packages failed; .*build\/setup\.log\n$/,
  );
  assert.equal(status, 1);
});

/** A folder like an installed npm package, whose command line prints its arguments. */
function installed(t: TestContext): string {
  const root = realpathSync(mkdtempSync(path.join(os.tmpdir(), 'launcher-')));
  t.after(() => rmSync(root, { recursive: true }));
  for (const directory of ['bin', 'build/Release', 'dist/src/cli', 'native']) mkdirSync(path.join(root, directory), { recursive: true });
  copyFileSync(launcher, path.join(root, 'bin/worker'));
  writeFileSync(path.join(root, 'build/Release/sock.node'), '');
  writeFileSync(path.join(root, 'dist/src/cli/main.js'), 'console.log(JSON.stringify(process.argv.slice(1)))');
  return root;
}

/** The same as a checkout, with an npm that runs `npm`. */
function checkout(t: TestContext, npm: string): string {
  const root = installed(t);
  for (const directory of ['src', 'test', 'bench']) mkdirSync(path.join(root, directory));
  for (const file of ['tsconfig.json', 'package.json', 'package-lock.json']) writeFileSync(path.join(root, file), '{}');
  program(root, 'npm', npm);
  return root;
}

function program(root: string, name: string, script: string): string {
  mkdirSync(path.join(root, 'programs'), { recursive: true });
  const file = path.join(root, 'programs', name);
  writeFileSync(file, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  return file;
}

function launch(command: string, args: readonly string[], env: NodeJS.ProcessEnv = {}) {
  return spawnSync(command, args, { encoding: 'utf8', env: { ...process.env, NODE: process.execPath, ...env } });
}
