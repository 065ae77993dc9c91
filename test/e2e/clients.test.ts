// Clients that go away, and clients that are too many.
import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { raw, request } from '../unit/http/serving.ts';
import { echo, slow, stuck, who } from './lambdas.ts';
import { needsRoot, startWorker, suiteOwner, type Worker } from './worker.ts';

interface Counts {
  readonly instances: number;
  readonly idle: number;
  readonly queued: number;
  readonly inFlight: number;
}

describe('clients', needsRoot, () => {
  const owner = suiteOwner();
  let worker: Worker;
  before(async () => {
    worker = await startWorker(owner, {
      config: { max_instances: 1, limits: { queue: 2 } },
      lambdas: { echo, slow, stuck, who, loading: 'import time\nprint("loading", flush=True)\ntime.sleep(0.3)\ndef f(event): return 1\n' },
    });
  });
  const begun = (id: string) => worker.logged(({ msg, requestId }) => (msg === 'begun' || msg === 'loading') && requestId === id);
  /** The counts as soon as they are as wanted, at the latest at the 1,000th look. */
  const until = async (wanted: (counts: Counts) => boolean): Promise<Counts> => {
    let counts = await worker.status<Counts>();
    for (let looks = 1; looks < 1000 && !wanted(counts); looks++) counts = await worker.status<Counts>();
    assert.ok(wanted(counts), JSON.stringify(counts));
    return counts;
  };

  test('a client that goes away while its call runs ends that call, and the instance takes the next one', async (t) => {
    const client = await raw(t, worker.port);
    client.send(request('POST', '/run/stuck', { 'content-length': 0, 'x-request-id': 'gone-running' }));
    await begun('gone-running');
    client.socket.destroy();
    await until(({ inFlight }) => inFlight === 0);
    const next = await raw(t, worker.port);
    next.send(request('POST', '/run/stuck', { 'content-length': 0, 'x-request-id': 'after-running' }));
    await begun('after-running');
    next.socket.destroy();
    await until(({ inFlight, instances, idle }) => inFlight === 0 && instances === idle);
  });

  test('a client that goes away while its instance starts', async (t) => {
    const client = await raw(t, worker.port);
    client.send(request('POST', '/run/loading', { 'content-length': 0, 'x-request-id': 'gone-starting' }));
    await begun('gone-starting');
    client.socket.destroy();
    assert.equal((await worker.call('loading', {})).text, '1');
    await until(({ inFlight }) => inFlight === 0);
  });

  test('a client that sends a request and leaves at once harms nobody', async (t) => {
    for (let i = 0; i < 50; i++) {
      const client = await raw(t, worker.port);
      client.send(request('POST', '/run/echo', { 'content-length': 2 }), '{}');
      client.socket.destroy();
    }
    await until(({ inFlight }) => inFlight === 0);
    // The last of them may only now be on their way through the queue, of which there is little.
    let answer = await worker.call('echo', { still: 'here' });
    for (let tries = 0; tries < 100 && answer.status === 429; tries++) answer = await worker.call('echo', { still: 'here' });
    assert.deepEqual(answer.json(), { still: 'here' });
  });

  test('a client that leaves in the midst of its body never becomes a call', async (t) => {
    const client = await raw(t, worker.port);
    client.send(request('POST', '/run/echo', { 'content-length': 100 }), '{"half":');
    client.socket.destroy();
    await until(({ inFlight }) => inFlight === 0);
    assert.equal((await worker.call('echo', {})).status, 200);
  });

  test('a client that goes away in the queue gives its place to the next', async (t) => {
    const running = worker.call('slow', { s: 0.5 }, { headers: { 'x-request-id': 'runs' } });
    await begun('runs');
    const gone = await raw(t, worker.port);
    gone.send(request('POST', '/run/slow', { 'content-length': 2, 'x-request-id': 'gone-queued' }), '{}');
    await until(({ queued }) => queued === 1);
    const waits = worker.call('slow', { s: 0 });
    await until(({ queued }) => queued === 2);
    gone.socket.destroy();
    await until(({ queued }) => queued === 1);
    assert.equal((await running).status, 200);
    assert.deepEqual((await waits).json<{ slept: number }>().slept, 0);
    assert.ok(!worker.log.some(({ requestId, msg }) => requestId === 'gone-queued' && msg === 'begun'));
  });

  test('a call beyond the queue is 429 with Retry-After, and those before it are answered', async () => {
    const calls = [worker.call('slow', { s: 0.5 }, { headers: { 'x-request-id': 'fills' } })];
    await begun('fills');
    calls.push(worker.call('slow', { s: 0 }), worker.call('slow', { s: 0 }));
    await until(({ queued }) => queued === 2);
    const refused = await Promise.all([worker.call('slow', {}), worker.call('slow', {})]);
    for (const answer of refused) {
      assert.deepEqual([answer.status, answer.headers['retry-after']], [429, '1']);
      assert.equal(answer.json<{ error: { code: string } }>().error.code, 'queue-full');
    }
    assert.equal((await worker.call('echo', {})).status, 200);
    assert.deepEqual(
      (await Promise.all(calls)).map(({ status }) => status),
      [200, 200, 200],
    );
  });

  test('with one instance, calls are served one after another by the same one', async () => {
    const first = await worker.call('who', {});
    const { name, calls } = first.json<{ name: string; calls: number }>();
    for (let i = 1; i <= 20; i++) assert.deepEqual((await worker.call('who', {})).json(), { name, calls: calls + i });
  });
});
