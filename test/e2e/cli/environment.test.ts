// The life of an environment: init, up, status, down, and what to do when it did not end as it should.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { needsRoot } from '../worker.ts';
import { ground, notForNobody } from './ground.ts';

describe('an environment', needsRoot, () => {
  test('from init to down, as scripts for OpenLambda do it', async (t) => {
    const { run, call, dir } = ground(t);
    assert.equal(run(['worker', 'status', '-p', 'env']).exit, 3);
    assert.equal(run(['new', 'hello', '-p', 'env']).exit, 0);

    const { exit, stdout } = run(['worker', 'up', '-p=env', '-d', '-o', 'worker_port=0']);
    const [, url = ''] = /URL: (\S+)/.exec(stdout) ?? [];
    assert.equal(exit, 0);
    assert.match(readFileSync(join(dir, 'env/worker.out'), 'utf8'), new RegExp(`^listening on ${url} `, 'm'));

    const status = run(['status', '-p', 'env']);
    assert.deepEqual([status.exit, status.stdout.split(':')[0]], [0, 'ready']);
    assert.ok(!status.stdout.includes('\x1b'), 'colours are for terminals');
    const { status: answered, text } = await call(url, 'hello', { name: 'you' });
    assert.deepEqual([answered, JSON.parse(text)], [200, { message: 'Hello, you!' }]);

    const down = run(['down', '-p', 'env']);
    assert.deepEqual([down.exit, down.stderr], [0, '']);
    assert.match(down.stdout, /^stopped$/m);
    await assert.rejects(fetch(url));
    assert.deepEqual(JSON.parse(run(['status', '-p', 'env', '--json']).stdout), {
      state: 'not running',
      worker_dir: join(dir, 'env/worker'),
    });

    const again = run(['down', '-p', 'env']);
    assert.deepEqual([again.exit, again.stdout], [0, `no worker runs in ${dir}/env/worker\n`]);
  });

  test('up makes one where there is none, with the name that OpenLambda gives it, and its worker is found wherever it runs', (t) => {
    const { run, dir } = ground(t);
    for (const detach of [[], ['-d']]) assert.equal(run(['up', ...detach, '-o', 'worker_prt=0']).exit, 2);
    assert.ok(!existsSync(join(dir, 'default-ol')));

    const { stdout } = run(['up', '--detach', '-o', 'worker_port=0,worker_dir=elsewhere']);
    const [, url = ''] = /URL: (\S+)/.exec(stdout) ?? [];
    assert.ok(existsSync(join(dir, 'default-ol/config.json')));
    assert.match(run(['status']).stdout, new RegExp(`^ready: pid \\d+ in ${dir}/elsewhere\n`));
    assert.equal(run(['status', '-o', 'worker_port=0']).exit, 3);
    assert.ok(run(['new', 'x']).stdout.includes(`${url}/run/x`));
    assert.match(run(['down']).stdout, /^stopped$/m);
    assert.equal(run(['down']).stdout, `no worker runs in ${dir}/default-ol/worker\n`);
  });

  test('options of OpenLambda that have no effect here are taken, and said to have none', (t) => {
    const { run, dir } = ground(t);
    const { exit, stdout } = run(['init', '-p', 'other', '-i', 'image', '-b']);
    assert.equal(exit, 0);
    assert.match(stdout, /^-i and -b have no effect/);
    assert.ok(existsSync(join(dir, 'other/config.json')));
    assert.equal(run(['up', '-p', 'env', '-d', '-i', 'image', '-o', 'worker_port=0']).exit, 0);
  });

  test('init is refused where nothing can be made', (t) => {
    const { exit, stderr } = ground(t).run(['init', '-p', '/proc/x/y']);
    assert.equal(exit, 1);
    assert.match(stderr, /^worker: make an environment in "\/proc\/x\/y": .*nothing can be made in "\/proc"/);
  });

  test('a second worker is refused with the pid of the first, which runs on', (t) => {
    const { run, up } = ground(t);
    const { pid } = up();
    for (const args of [['up'], ['up', '-d'], ['force-cleanup']]) {
      const { exit, stderr } = run([...args, '-p', 'env']);
      assert.equal(exit, 1, args.join(' '));
      assert.match(stderr, new RegExp(`pid ${pid} \\(worker down stops it\\)`));
    }
    assert.equal((JSON.parse(run(['status', '-p', 'env', '--json']).stdout) as { pid: number }).pid, pid);
  });

  test('in the foreground it stops at SIGTERM', async (t) => {
    const { start, run } = ground(t);
    const child = start(['up', '-p', 'env', '-o', 'worker_port=0']);
    t.after(() => child.kill('SIGKILL'));
    let said = '';
    let told = false;
    const closed = once(child, 'close');
    for await (const chunk of child.stdout) {
      said += chunk;
      if (!told && said.includes('listening on')) told = child.kill('SIGTERM');
    }
    assert.match(said, /SIGTERM: finishing what was accepted/);
    assert.deepEqual(await closed, [0, null]);
    assert.equal(run(['status', '-p', 'env']).exit, 3);
  });

  test('what a killed worker leaves is no worker, and is removed by force-cleanup', async (t) => {
    const { run, up, dir } = ground(t);
    const { pid, url } = up();
    const socket = join(dir, 'env/worker/ol.sock');
    process.kill(pid, 'SIGKILL');
    run(['down', '-p', 'env']); // waits for its end, if need be
    assert.equal(run(['status', '-p', 'env']).exit, 3);
    assert.ok(existsSync(socket));
    assert.match(run(['down', '-p', 'env']).stdout, /has left something \(worker force-cleanup/);

    assert.equal(run(['force-cleanup', '-p', 'env']).exit, 0);
    assert.ok(!existsSync(socket));
    assert.doesNotMatch(run(['down', '-p', 'env']).stdout, /has left/);
    await assert.rejects(fetch(url));
    up();
    assert.equal(run(['status', '-p', 'env']).exit, 0);
  });

  test('what a killed worker leaves does not hinder the next', (t) => {
    const { run, up } = ground(t);
    process.kill(up().pid, 'SIGKILL');
    run(['down', '-p', 'env']);
    up();
    assert.equal(run(['status', '-p', 'env']).exit, 0);
  });

  test('one that does not end in time is killed, which is told', (t) => {
    const { run, up, configure } = ground(t);
    configure({ drain_ms: 60_000 });
    up();
    const { exit, stderr } = run(['down', '-p', 'env', '-t', '0.5']);
    assert.equal(exit, 1);
    assert.match(stderr, /did not end in 0\.5 s; killed it/);
    assert.equal(run(['status', '-p', 'env']).exit, 3);
  });

  test('a start that fails says why, detached or not, with the same exit code, and leaves nothing running', async (t) => {
    const { run, configure } = ground(t);
    const taken = createServer().listen(0, '127.0.0.1');
    t.after(() => taken.close());
    await once(taken, 'listening');
    const { port } = taken.address() as { port: number };
    const both = (...more: readonly string[]) => [[], ['-d']].map((detach) => run(['up', '-p', 'env', ...detach, ...more]));
    for (const { exit, stderr } of both('-o', `worker_url=127.0.0.1,worker_port=${port}`))
      assert.match(`${exit} ${stderr}`, /^1 worker: listen on 127\.0\.0\.1:\d+: the port is taken; .*\n {2}because: .*\n$/);

    configure({ worker_prt: 1 });
    for (const { exit, stderr } of both())
      assert.match(`${exit} ${stderr}`, /^2 worker: the config .* cannot be used:\n {2}worker_prt: .*did you mean "worker_port".*\n$/);
    assert.equal(run(['status', '-p', 'env']).exit, 3);
  });

  test('while it drains, status says so', async (t) => {
    const { run, up, configure, dir } = ground(t);
    configure({ drain_ms: 60_000, log_output: join(dir, 'log') });
    const { pid, url } = up();
    process.kill(pid, 'SIGTERM');
    while ((await fetch(`${url}/status`)).ok); // the signal comes through between two answers
    const { exit, stdout } = run(['status', '-p', 'env']);
    assert.deepEqual([exit, stdout.split(':')[0]], [4, 'draining']);
    run(['down', '-p', 'env', '-t', '0.1']);
  });

  test('who is not root may ask for its status, and is told what needs root', { skip: notForNobody() }, async (t) => {
    const { run, runAsNobody, configure } = ground(t);
    const free = createServer().listen(0, '127.0.0.1');
    await once(free, 'listening');
    const { port } = free.address() as { port: number };
    free.close();
    await once(free, 'close');
    configure({ worker_url: '127.0.0.1', worker_port: port });
    assert.equal(run(['up', '-p', 'env', '-d']).exit, 0);
    const { exit, stdout } = runAsNobody(['status', '-p', 'env']);
    assert.deepEqual([exit, stdout.split(':')[0]], [0, 'ready']);
    const down = runAsNobody(['down', '-p', 'env']);
    assert.equal(down.exit, 1);
    assert.match(down.stderr, /EPERM.*use sudo/);
    assert.match(runAsNobody(['new', 'x', '-p', 'env']).stderr, /EACCES.*use sudo/);
  });
});
