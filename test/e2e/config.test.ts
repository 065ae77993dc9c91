// Keys of config.json, as callers and administrators of the worker see what they do. (Those of limits: isolation/; of instances: instances.test.ts.)
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { echo } from './lambdas.ts';
import { needsRoot, startWorker, type Worker } from './worker.ts';

const main = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url));

function scratch(t: TestContext): string {
  const dir = mkdtempSync(join(tmpdir(), 'sock-e2e-config-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

test('sock_base_path: sandboxes see the /usr of that directory, and what they need of its /etc', needsRoot, async (t) => {
  const base = scratch(t);
  for (const dir of ['usr', 'etc']) mkdirSync(join(base, dir));
  for (const name of ['bin', 'sbin', 'lib', 'lib64']) if (existsSync(`/${name}`)) symlinkSync(readlinkSync(`/${name}`), join(base, name));
  copyFileSync('/etc/ld.so.cache', join(base, 'etc/ld.so.cache'));
  writeFileSync(join(base, 'etc/services'), 'of-the-base 1/tcp\n');
  execFileSync('mount', ['-t', 'overlay', '-o', `lowerdir=${marked(t)}:/usr`, 'overlay', join(base, 'usr')]);
  try {
    const lambdas = { reads: 'def f(event):\n  return [open(path).read() for path in event]\n' };
    const worker = await startWorker(t, { lambdas, config: { sock_base_path: base } });
    const answer = await worker.call('reads', ['/usr/of-the-base', '/etc/services']);
    assert.deepEqual(answer.json(), ['marked\n', 'of-the-base 1/tcp\n']);
    assert.equal(await worker.stop(), 0);
  } finally {
    execFileSync('umount', [join(base, 'usr')]);
  }
});

/** A directory with a file that the host's /usr has not. */
function marked(t: TestContext): string {
  const dir = scratch(t);
  chmodSync(dir, 0o755); // what is laid over gives its mode
  writeFileSync(join(dir, 'of-the-base'), 'marked\n');
  return dir;
}

test('registry: a directory that is not there is told, is not made, and serves when it is there', needsRoot, async (t) => {
  const registry = join(scratch(t), 'typo');
  const worker = await startWorker(t, { config: { registry } });
  const { level } = await worker.logged(({ msg }) => msg.startsWith(`find the registry "${registry}": no such directory`));
  const answer = await worker.call('echo', {});
  assert.deepEqual([level, answer.status, existsSync(registry)], [40, 503, false]);
  assert.match(answer.text, /the registry cannot be read now: its directory is missing/);
  mkdirSync(registry);
  writeFileSync(join(registry, 'echo.py'), echo);
  assert.equal((await worker.call('echo', {})).status, 200);
});

test('limits.header_kb: a larger head is 431, one up to it reaches the lambda', needsRoot, async (t) => {
  const lambdas = { length: 'def f(event, context):\n  return len(context.headers["x-long"])\n' };
  const asked = (worker: Worker) => (header: string) => worker.call('length', {}, { headers: { 'x-long': header } });
  const least = asked(await startWorker(t, { lambdas }));
  const most = asked(await startWorker(t, { lambdas, config: { limits: { header_kb: 64 } } }));
  assert.equal((await least('a'.repeat(15_000))).text, '15000');
  assert.equal((await least('a'.repeat(17_000))).status, 431);
  assert.equal((await most('a'.repeat(60_000))).text, '60000');
  // A quote takes two bytes on its way to the lambda, and a head has to fit into 64 KiB there.
  const over = await most('"'.repeat(40_000));
  assert.deepEqual([over.status, over.json<{ error: { code: string } }>().error.code], [431, 'head-too-large']);
});

test('trace.requests: so many are kept', needsRoot, async (t) => {
  const worker = await startWorker(t, { lambdas: { echo }, config: { trace: { requests: 2 } } });
  for (const id of ['a', 'b', 'c']) await worker.call('echo', {}, { headers: { 'x-request-id': id } });
  const { text } = await worker.call('', undefined, { path: '/trace', method: 'GET' });
  const ids = text
    .trim()
    .split('\n')
    .map((line) => (JSON.parse(line) as { requestId: string }).requestId);
  assert.deepEqual(ids, ['b', 'c']);
});

test('worker_url: nobody is heard elsewhere; lambda_zygotes: "off": none is made', needsRoot, async (t) => {
  const heavy = 'import time\ntime.sleep(0.05)\ndef f(event): return time.sleep(0.1)\n';
  const worker = await startWorker(t, { lambdas: { heavy }, config: { lambda_zygotes: 'off' } });
  await assert.rejects(fetch(`http://127.0.0.2:${worker.port}/status`));
  // Two cold starts that took long to load earn one, which is counted from its beginning.
  for (const { status } of await Promise.all([worker.call('heavy', {}), worker.call('heavy', {})])) assert.equal(status, 200);
  assert.equal((await worker.status<{ lambdaZygotes: number }>()).lambdaZygotes, 0);
});

test('limits.enforce: "strict" starts no worker whose limits would not hold', needsRoot, async (t) => {
  const outcome = await startWorker(t, { config: { limits: { enforce: 'strict' } } }).then((worker) => worker.status(), String);
  if (typeof outcome === 'string') assert.match(outcome, /these limits of sandboxes are not enforced .*limits\.enforce is "strict"/s);
  else assert.deepEqual(outcome.limitsNotEnforced, []);
});

test('log_output: a file, or nowhere', needsRoot, async (t) => {
  const file = join(scratch(t), 'worker.log');
  const lambdas = { says: 'def f(event):\n  print("said")\n' };
  for (const log_output of [file, false]) {
    const worker = await startWorker(t, { lambdas, config: { log_output } });
    assert.equal((await worker.call('says', {})).status, 200);
    assert.equal(await worker.stop(), 0);
    assert.deepEqual([worker.stdout.length, worker.stderr], [1, []]); // where it listens
  }
  assert.equal(readFileSync(file, 'utf8').match(/"msg":"said"/g)?.length, 1);
});

test(
  'without options it reads config.json where it is started; a registry in worker_dir outlives the worker, and a kill',
  needsRoot,
  async (t) => {
    const dir = scratch(t);
    writeFileSync(join(dir, 'config.json'), JSON.stringify({ worker_port: '0', sandbox: 'sock' }));
    mkdirSync(join(dir, 'worker/registry'), { recursive: true });
    writeFileSync(join(dir, 'worker/registry/echo.py'), echo);
    for (const signal of ['SIGKILL', 'SIGTERM'] as const) {
      const child = spawn(process.execPath, [main], { cwd: dir, stdio: ['ignore', 'pipe', 'inherit'] });
      t.after(() => child.kill('SIGKILL'));
      const ended = once(child, 'exit');
      let said = '';
      for await (const chunk of child.stdout) {
        said += chunk;
        const [, url] = /^listening on (\S+) /m.exec(said) ?? [];
        if (url === undefined) continue;
        const reply = await fetch(`${url}/run/echo`, { method: 'POST', body: '[1]' });
        assert.deepEqual([reply.status, await reply.text()], [200, '[1]']);
        child.kill(signal);
        break;
      }
      assert.deepEqual(await ended, signal === 'SIGTERM' ? [0, null] : [null, signal]);
    }
    assert.equal(readFileSync(join(dir, 'worker/registry/echo.py'), 'utf8'), echo);
  },
);

test(
  'log_level: with debug each call has a line that says where it went and what took how long; with warn not even prints have',
  needsRoot,
  async (t) => {
    const lambdas = { says: 'def f(event):\n  print("said")\n', breaks: 'import os\ndef f(event):\n  os._exit(1)\n' };
    const worker = await startWorker(t, { lambdas, config: { log_level: 'debug' } });
    const { headers } = await worker.call('says', {}, { headers: { 'x-request-id': 'one' } });
    const { level, phasesUs, ...call } = await worker.logged(({ msg, requestId }) => msg === 'call' && requestId === 'one');
    assert.deepEqual([level, call.lambda, call.status, call.start], [20, 'says', 200, headers['x-start-class']]);
    assert.match(String(call.sandbox), /^\d+$/);
    assert.equal(typeof (phasesUs as Record<string, number>).handler, 'number');
    assert.equal(await worker.stop(), 0);

    const quiet = await startWorker(t, { dir: worker.dir, config: { log_level: 'warn' } });
    await quiet.call('says', {});
    await quiet.call('breaks', {}, { headers: { 'x-request-id': 'two' } });
    const broken = await quiet.logged(({ requestId }) => requestId === 'two');
    assert.deepEqual([typeof broken.sandbox, typeof broken.start, typeof broken.phasesUs], ['string', 'string', 'object']);
    assert.equal(await quiet.stop(), 0);
    assert.ok(quiet.log.every(({ level }) => level >= 40));
  },
);
