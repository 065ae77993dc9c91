// What a worker that was killed leaves at the engine, and an engine that goes and comes back.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { echo, stuck, who } from '../lambdas.ts';
import { type Owner, startWorker, type Worker, type WorkerOptions } from '../worker.ts';
import { dockerEngine, needsDocker } from './engine.ts';

const run = promisify(execFile);
const main = fileURLToPath(new URL('../../../src/cli/main.js', import.meta.url));

async function started(owner: Owner, options: WorkerOptions = {}): Promise<Worker> {
  const { socket } = await dockerEngine();
  const config = { standbys: 1, max_standbys: 1, keep_warm_ms: 600_000, ...options.config, sandbox: 'docker', docker: { socket } };
  return await startWorker(owner, { ...options, config });
}

async function left(): Promise<number> {
  return (await (await dockerEngine()).containers('sock-worker.worker')).length;
}

/** Killed while it has a call that never ends. */
async function killed(owner: Owner): Promise<Worker> {
  const worker = await started(owner, { lambdas: { stuck } });
  const call = worker.call('stuck', {}).catch(() => {});
  await worker.logged(({ msg }) => msg === 'begun');
  await worker.stop('SIGKILL');
  await call;
  assert.ok((await left()) > 0);
  return worker;
}

test('what a killed worker has left is removed by the next one, also what never ends', needsDocker, async (t) => {
  const worker = await killed(t);
  const next = await started(t, { dir: worker.dir, lambdas: { echo }, config: { standbys: 0, max_standbys: 0 } });
  assert.equal(await left(), 0);
  assert.deepEqual((await next.call('echo', { a: 1 })).json(), { a: 1 });
  assert.equal(await next.stop(), 0);
  assert.equal(await left(), 0);
});

test('or by worker force-cleanup', needsDocker, async (t) => {
  const worker = await killed(t);
  const { stdout } = await run(process.execPath, [main, 'force-cleanup', '-c', join(worker.dir, 'config.json')]);
  assert.match(stdout, /no container of a dead worker is left/);
  assert.equal(await left(), 0);
});

test('without an engine a call is 503 and says so; when it is back calls are answered, by the same worker', needsDocker, async (t) => {
  const engine = await dockerEngine();
  const worker = await started(t, { lambdas: { who, echo, stuck } });
  assert.equal((await worker.call('who', {})).status, 200);
  const begun = worker.call('stuck', {});
  await worker.logged(({ msg }) => msg === 'begun');
  await engine.stop();
  assert.equal((await begun).json<{ error: { code: string } }>().error.code, 'sandbox-died', 'not 503: it may have had its effects');
  for (let calls = 0; calls < 2; calls++) {
    const answer = await worker.call('echo', {});
    const { error } = answer.json<{ error: { code: string; message: string } }>();
    assert.deepEqual([answer.status, error.code, answer.headers['retry-after']], [503, 'backend-unavailable', '1']);
    assert.ok(!error.message.includes(engine.socket), error.message);
  }
  await worker.logged(({ msg }) => msg.includes('does not answer'));
  await engine.start();
  await worker.logged(({ msg }) => msg.includes('answers again'));
  assert.deepEqual((await worker.call('echo', { a: 1 })).json(), { a: 1 });
  assert.equal((await worker.call('who', {})).json<{ calls: number }>().calls, 1, 'its containers ended with the engine');
  assert.equal(await worker.stop(), 0);
  assert.equal(await left(), 0);
});

test('without an engine a worker does not start, and says what to do', needsDocker, async (t) => {
  const socket = '/no/such/docker.sock';
  const failed = startWorker(t, { config: { sandbox: 'docker', docker: { socket } } });
  await assert.rejects(failed, /\/no\/such\/docker\.sock: there is no such socket \(is dockerd running\? config key docker\.socket\)/);
});
