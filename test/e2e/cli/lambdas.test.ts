// From code to an answer: new, pull, admin install.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { languages as runtimes } from '../../../src/runtime/languages.ts';
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

  test('admin install of a directory and of a git repository, and then they answer', async (t) => {
    const { run, up, call, dir } = ground(t);
    const code = repository(join(dir, 'hello'));
    git(code, 'clone', '--quiet', '--bare', code, join(dir, 'repository.git'));

    for (const args of [['hello'], ['repository.git'], ['-n=url', `file://${dir}/repository.git`]]) {
      const { exit, stdout, stderr } = run(['admin', 'install', '-p=env', ...args]);
      assert.equal(exit, 0, stderr);
      assert.match(stdout, /^Successfully installed lambda function: (hello|repository|url)\n$/);
    }
    const { url } = up();
    for (const name of ['hello', 'repository', 'url'])
      assert.deepEqual(await call(url, name, { to: name }), { status: 200, text: `"from ${name}"` });
  });

  test('admin install keeps requirements, saying that they are not installed, and refuses what could not be called', (t) => {
    const { run, dir } = ground(t);
    mkdirSync(join(dir, 'code'));
    writeFileSync(join(dir, 'requirements'), 'numpy\n');
    const install = (...args: readonly string[]) => run(['admin', 'install', '-p', 'env', ...args]);

    const empty = install('code');
    assert.equal(empty.exit, 1);
    assert.match(empty.stderr, /install "code": the code package .* cannot be used: it has no file/);
    writeFileSync(join(dir, 'code/README'), '');
    assert.match(install('code').stderr, /cannot be used: it has no f\.py, f\.bin, index\.mjs/);

    writeFileSync(join(dir, 'code/f.py'), 'def f(event): return 1\n');
    writeFileSync(join(dir, 'wrong.yaml'), 'limts: {}\n');
    const wrong = install('-c', 'wrong.yaml', 'code');
    assert.equal(wrong.exit, 1);
    assert.match(wrong.stderr, /install "code": .*ol\.yaml: .*limts/);
    for (const name of ['a/b', '../../b', '']) assert.equal(install('-n', name, 'code').exit, 2);
    assert.ok(!existsSync(join(dir, 'env/b.tar.gz')));
    assert.deepEqual(readdirSync(join(dir, 'env/registry')), []);

    const kept = install('-r', 'requirements', 'code');
    assert.equal(kept.exit, 0);
    assert.match(kept.stdout, /requirements\.txt is kept with the code, but this version installs no packages/);
    assert.deepEqual(readdirSync(join(dir, 'env/registry')), ['code.tar.gz']);
    assert.equal(install('nowhere').exit, 2);
    assert.match(install('file:///nowhere.git').stderr, /clone "file:\/\/\/nowhere\.git" with git:\n/);
  });

  test('logs needs a worker, and says where else the lines are', (t) => {
    const { exit, stderr } = ground(t).run(['logs', 'hello', '-p', 'env']);
    assert.equal(exit, 1);
    assert.match(stderr, /no worker runs in .*log_output/);
  });

  test('beside a worker that runs: install takes over at once, pull brings code, logs -f follows until the worker ends', async (t) => {
    const { run, start, up, call, dir } = ground(t);
    const code = join(dir, 'hello');
    mkdirSync(code);
    const install = (n: number) => {
      writeFileSync(join(code, 'f.py'), `def f(event):\n  print("said", event["n"])\n  return ${n}\n`);
      return run(['admin', 'install', '-p', 'env', code]);
    };
    const { url } = up();
    for (const n of [1, 2]) {
      const { exit, stdout, stderr } = install(n);
      assert.deepEqual([exit, stdout, stderr], [0, 'Successfully installed lambda function: hello\n', '']);
      assert.deepEqual(await call(url, 'hello', { n }), { status: 200, text: `${n}` });
    }
    assert.equal(run(['new', 'own', '-p', 'env']).exit, 0);
    const own = run(['admin', 'install', '-p', 'env', 'env/registry/own']);
    assert.deepEqual([own.exit, own.stderr.includes('is in the registry already')], [1, true]);
    assert.ok(existsSync(join(dir, 'env/registry/own/f.py')));
    const bare = join(dir, 'env/registry/bare');
    git(dir, 'clone', '--quiet', '--bare', repository(join(dir, 'repository')), bare);
    for (const source of [bare, `file://${bare}`])
      assert.match(run(['admin', 'install', '-p', 'env', source]).stderr, /env\/registry\/bare" is in the registry already/);
    assert.ok(existsSync(join(bare, 'HEAD')));
    mkdirSync(join(dir, 'no-entry'));
    writeFileSync(join(dir, 'no-entry/README'), '');
    assert.match(run(['admin', 'install', '-p', 'env', 'no-entry']).stderr, /nothing was changed: it has no f\.py, f\.bin, index\.mjs/);

    writeFileSync(join(code, 'ol.yaml'), 'limts: {}\n');
    const wrong = install(3);
    assert.equal(wrong.exit, 1);
    assert.match(wrong.stderr, /install "hello": .*ol\.yaml: .*limts/);
    assert.equal((await call(url, 'hello', { n: 3 })).text, '2');

    writeFileSync(join(dir, 'env/registry/pulled.py'), 'def f(event): return 1\n');
    const names = () => readdirSync(join(dir, 'env/worker/store/names'));
    assert.ok(!names().includes('pulled'));
    const pulled = run(['pull', 'pulled', 'nobody', '-p', 'env']);
    assert.deepEqual([pulled.exit, pulled.stdout], [1, 'pulled: its code is on the node\n']);
    assert.match(pulled.stderr, /pull "nobody": no such lambda in the registry/);
    while (!names().includes('pulled')) await setImmediate(); // a name is written in the turn after

    const lines = run(['logs', 'hello', '-n', '1', '-p', 'env']).stdout;
    assert.match(lines, /^\S+ \S+ stdout: said 3\n$/);
    assert.match(run(['logs', 'nobody', '-p', 'env']).stderr, /no such lambda/);
    const following = start(['logs', 'hello', '-f', '-n', '1', '-p', 'env']);
    t.after(() => following.kill('SIGKILL'));
    const closed = once(following, 'close');
    let said = '';
    let called = false;
    let stopping = false;
    for await (const chunk of following.stdout) {
      said += chunk;
      if (!called) called = (await call(url, 'hello', { n: 4 })).status === 200;
      if (!stopping && said.includes('said 4')) stopping = run(['down', '-p', 'env']).exit === 0;
    }
    assert.match(said, /stdout: said 3\n.*stdout: said 4\n$/);
    assert.ok(stopping);
    await closed;
  });

  test('new writes one that answers, for each runtime', async (t) => {
    const { run, up, call } = ground(t);
    for (const runtime of runtimes) assert.equal(run(['new', runtime, '-p', 'env', '--runtime', runtime]).exit, 0);
    const { url } = up();
    for (const runtime of runtimes) {
      const { status, text } = await call(url, runtime, { name: 'you' });
      assert.deepEqual([runtime, status, JSON.parse(text)], [runtime, 200, { message: 'Hello, you!' }]);
    }
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

/** A directory with a lambda, as a git repository with one commit. Returns its path. */
function repository(code: string): string {
  mkdirSync(code);
  writeFileSync(join(code, 'f.py'), 'def f(event): return "from " + event["to"]\n');
  git(code, 'init', '--quiet', '--initial-branch=main');
  git(code, 'add', '.');
  git(code, '-c', 'user.name=x', '-c', 'user.email=x@example.com', 'commit', '--quiet', '--message=x');
  return code;
}

function git(cwd: string, ...args: readonly string[]): void {
  const { status, stderr } = spawnSync('git', args, { cwd, encoding: 'utf8' });
  assert.equal(status, 0, stderr);
}
