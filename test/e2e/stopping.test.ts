// How a worker begins and ends: signals under load, what is left, and what makes it refuse to start. (A kill is killed.test.ts.)
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { type TestContext, test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { raw, request } from '../unit/http/serving.ts';
import { echo, slow, stuck, who } from './lambdas.ts';
import { alive, cgroups, inside, mounts, nothingLeft } from './traces.ts';
import { needsRoot, startWorker, type Worker } from './worker.ts';

const main = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url));

/** Runs the worker where it is expected to end by itself. */
async function runToEnd(t: TestContext, config: unknown): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const dir = mkdtempSync(join(tmpdir(), 'sock-e2e-end-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  writeFileSync(join(dir, 'config.json'), typeof config === 'string' ? config : JSON.stringify(config));
  const child = spawn(process.execPath, [main, '--config', join(dir, 'config.json')], { cwd: dir, stdio: ['ignore', 'pipe', 'pipe'] });
  t.after(() => child.kill('SIGKILL'));
  const [stdout, stderr, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')]);
  return { code, stdout, stderr };
}

/** `worker force-cleanup`. */
async function cleanUp({ dir }: Worker): Promise<void> {
  const child = spawn(process.execPath, [main, 'force-cleanup', '-c', join(dir, 'config.json')], { stdio: 'ignore' });
  assert.deepEqual(await once(child, 'exit'), [0, null]);
}

test('SIGTERM under load: what was accepted is answered, the exit code is 0, nothing is left', needsRoot, async (t) => {
  const worker = await startWorker(t, { lambdas: { slow, who, echo }, config: { max_instances: 2 } });
  await worker.call('who', {});
  const calls = Array.from({ length: 6 }, (_, i) => worker.call('slow', { s: 0.3 }, { headers: { 'x-request-id': `c${i}` } }));
  await worker.logged(({ msg }) => msg === 'begun');
  let accepted = 0;
  for (let looks = 0; looks < 1000 && accepted < 6; looks++) accepted = (await worker.status<{ inFlight: number }>()).inFlight;
  const pids = inside(worker);
  assert.ok(pids.length >= 3);
  assert.equal(await worker.stop('SIGTERM'), 0);
  assert.deepEqual(
    (await Promise.all(calls)).map(({ status }) => status),
    Array(6).fill(200),
  );
  nothingLeft(worker, pids);
  assert.ok(worker.log.some(({ msg }) => msg === 'stopped'));
});

test('while it stops it tells so on connections that are open, and takes no new call', needsRoot, async (t) => {
  const worker = await startWorker(t, { lambdas: { slow } });
  const [idle, other] = [await raw(t, worker.port), await raw(t, worker.port)];
  // Both have had an answer, so that the worker has seen them.
  for (const client of [idle, other]) {
    client.send(request('GET', '/status'));
    await client.until('ready\n');
  }
  const running = worker.call('slow', { s: 0.5 });
  await worker.logged(({ msg }) => msg === 'begun');
  process.kill(worker.pid, 'SIGTERM');
  await worker.logged(({ msg }) => msg.startsWith('SIGTERM'));
  idle.send(request('GET', '/status'));
  assert.match(await idle.until('draining\n'), /HTTP\/1\.1 503 /);
  other.send(request('POST', '/run/slow', { 'content-length': 0 }));
  assert.match(await other.until('"draining"'), /HTTP\/1\.1 503 /);
  assert.equal((await running).status, 200);
  assert.equal(await worker.exited, 0);
  assert.deepEqual(cgroups(worker), []);
});

test('SIGINT ends an idle worker as SIGTERM does', needsRoot, async (t) => {
  const worker = await startWorker(t, { lambdas: { echo } });
  await worker.call('echo', {});
  const pids = inside(worker);
  assert.equal(await worker.stop('SIGINT'), 0);
  nothingLeft(worker, pids);
});

test('a call that does not end holds a stopping worker no longer than its time limit', needsRoot, async (t) => {
  const worker = await startWorker(t, { lambdas: { stuck }, config: { limits: { runtime_sec: 1 } } });
  const call = worker.call('stuck', {});
  await worker.logged(({ msg }) => msg === 'begun');
  const pids = inside(worker);
  assert.equal(await worker.stop(), 0);
  assert.ok([503, 504].includes((await call).status));
  nothingLeft(worker, pids);
});

test('a second signal ends it at once, and no sandbox outlives it', needsRoot, async (t) => {
  const worker = await startWorker(t, { lambdas: { stuck }, config: { limits: { runtime_sec: 600 } } });
  for (const [second, code] of [
    ['SIGTERM', 143],
    ['SIGINT', 130],
  ] as const) {
    const one = code === 143 ? worker : await startWorker(t, { dir: worker.dir, config: { limits: { runtime_sec: 600 } } });
    const call = one.call('stuck', {}).catch((error: unknown) => error);
    await one.logged(({ msg }) => msg === 'begun');
    const pids = inside(one);
    assert.ok(pids.length >= 2);
    process.kill(one.pid, 'SIGTERM');
    await one.logged(({ msg }) => msg.startsWith('SIGTERM'));
    process.kill(one.pid, 'SIGUSR2'); // worker down, which only waits then
    assert.equal(await one.stop(second), code);
    assert.ok(one.log.some(({ msg }) => msg.startsWith(`${second}: told a second time`) && msg.includes('worker force-cleanup')));
    await call;
    while (alive(pids).length > 0) await setImmediate(); // they were killed, and take their time to end
    assert.deepEqual(mounts(one), []);
  }
  await cleanUp(worker);
  assert.deepEqual(cgroups(worker), []);
  assert.deepEqual(readdirSync(worker.workerDir).includes('ol.sock'), false);
  const again = await startWorker(t, { dir: worker.dir, lambdas: { echo } });
  assert.equal((await again.call('echo', {})).status, 200);
});

test('a second worker in the same directory refuses to start, and the first one serves on', needsRoot, async (t) => {
  const worker = await startWorker(t, { lambdas: { who } });
  const { name } = (await worker.call('who', {})).json<{ name: string }>();
  const config = { worker_port: 0, sandbox: 'sock', registry: worker.registry, worker_dir: worker.workerDir };
  const { code, stderr } = await runToEnd(t, config);
  assert.equal(code, 1);
  assert.match(stderr, /worker_dir .*another worker runs in it/);
  assert.deepEqual((await worker.call('who', {})).json(), { name, calls: 2 });
});

test('a port that is taken: it says so, ends with 1 and leaves nothing', needsRoot, async (t) => {
  const holder = createServer();
  t.after(() => holder.close());
  await once(holder.listen(0, '127.0.0.1'), 'listening');
  const { port } = holder.address() as AddressInfo;
  const dir = mkdtempSync(join(tmpdir(), 'sock-e2e-port-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  const workerDir = join(dir, 'worker');
  const { code, stderr } = await runToEnd(t, { worker_port: port, worker_url: '127.0.0.1', sandbox: 'sock', worker_dir: workerDir });
  assert.equal(code, 1);
  assert.match(stderr, new RegExp(`listen on 127\\.0\\.0\\.1:${port}: the port is taken`));
  assert.deepEqual(cgroups({ workerDir }), []);
});

test('a base without Python: it says so, ends with 1 and leaves nothing', needsRoot, async (t) => {
  const base = mkdtempSync(join(tmpdir(), 'sock-e2e-base-'));
  t.after(() => rmSync(base, { recursive: true, force: true }));
  for (const dir of ['usr', 'etc']) mkdirSync(join(base, dir));
  const workerDir = join(base, 'worker');
  const { code, stdout, stderr } = await runToEnd(t, { worker_port: 0, sandbox: 'sock', sock_base_path: base, worker_dir: workerDir });
  assert.equal(code, 1);
  assert.match(
    stderr,
    /execute the program \(is it inside the base root filesystem\?\) .*"\/usr\/bin\/python3": No such file or directory/,
  );
  assert.deepEqual(cgroups({ workerDir }), []);
  assert.doesNotMatch(stdout, /ignoring/);
});

test('a config that cannot be used ends with 2 and says what is wrong', needsRoot, async (t) => {
  for (const [config, says] of [
    ['{', /parse/],
    [{ sandbox: 'sock', worker_prt: 1 }, /worker_prt.*worker_port/s],
    [{ sandbox: 'sock', limits: { mem_mb: 'much' } }, /limits\.mem_mb/],
    [{ sandbox: 'podman' }, /sandbox/],
  ] as const) {
    const { code, stdout, stderr } = await runToEnd(t, config);
    assert.deepEqual([code, stdout], [2, '']);
    assert.match(stderr, says);
  }
});
