// `drain_ms`: a load balancer hears that the worker is about to stop while it still takes calls.
import assert from 'node:assert/strict';
import { request } from 'node:http';
import { test } from 'node:test';
import { echo } from '../lambdas.ts';
import { needsRoot, startWorker } from '../worker.ts';

test('after SIGTERM /status says draining, calls are taken for drain_ms, and then the worker ends', needsRoot, async (t) => {
  const worker = await startWorker(t, { lambdas: { echo }, config: { drain_ms: 1500 } });
  const status = (accept: string) => worker.call('', undefined, { method: 'GET', path: '/status', headers: { accept } });
  assert.deepEqual([(await status('*/*')).status, (await status('*/*')).text], [200, 'ready\n']);
  process.kill(worker.pid, 'SIGTERM');
  await worker.logged(({ msg }) => msg.includes('draining'));
  assert.deepEqual([(await status('*/*')).status, (await status('*/*')).text], [503, 'draining\n']);
  assert.equal((await status('application/json')).json<{ ready: boolean }>().ready, false);
  assert.equal((await worker.call('echo', { still: 'here' })).text, '{"still": "here"}');
  const fresh = await new Promise<number | undefined>((resolve, reject) => {
    const asked = request(`${worker.url}/run/echo`, { agent: false, method: 'POST' }, (reply) => resolve(reply.resume().statusCode));
    asked.once('error', reject).end('{}');
  });
  assert.equal(fresh, 200, 'on a new connection, too');
  await worker.logged(({ msg }) => msg.includes('open connections'));
  const kept = await worker.call('echo', { on: 'an open one' });
  assert.deepEqual([kept.status, kept.headers.connection], [200, 'close']);
  await assert.rejects(worker.call('echo', {}), /ECONNREFUSED/);
  assert.equal(await worker.exited, 0);
});
