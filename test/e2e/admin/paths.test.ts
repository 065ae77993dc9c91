// The worker's own paths, each as its user meets it: over TCP from this machine, over the socket, from elsewhere.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { type IncomingMessage, request } from 'node:http';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { echo, slow } from '../lambdas.ts';
import { type CallOptions, needsRoot, startWorker, suiteOwner, type Worker } from '../worker.ts';

const prints = 'def f(event):\n  print("printed", event.get("n"), flush=True)\n  return event.get("n")\n';
const traceId = '0af7651916cd43dd8448eb211c80319c';

describe("the worker's own paths", needsRoot, () => {
  const owner = suiteOwner();
  let worker: Worker;
  before(async () => {
    worker = await startWorker(owner, {
      lambdas: { echo, prints, traced: 'def f(event, context): return context.headers["traceparent"]\n' },
    });
    for (let i = 0; i < 3; i++) await worker.call('echo', { i });
    await worker.call('no-such', {});
  });
  const ask = (path: string, options: CallOptions = {}, body?: unknown) => worker.call('', body, { method: 'GET', ...options, path });

  test('/stats has OpenLambda’s names', async () => {
    const stats = (await ask('/stats')).json<Record<string, number>>();
    assert.ok((stats['web-request.cnt'] ?? 0) >= 4 && (stats['web-request.ms-avg'] ?? -1) > 0, JSON.stringify(stats));
    assert.ok((stats['Create().cnt'] ?? 0) >= 1);
  });

  test('/metrics counts requests by lambda and status, times by start class, and shows what is', async () => {
    const { headers, text } = await ask('/metrics');
    assert.match(`${headers['content-type']}`, /^text\/plain; version=0\.0\.4/);
    assert.match(text, /^sock_requests_total\{lambda="echo",status="200"\} 3$/m);
    assert.match(text, /^sock_requests_total\{lambda="",status="404"\} 1$/m);
    assert.match(text, /^sock_request_duration_seconds_count\{lambda="echo",start="warm"\} 2$/m);
    assert.match(text, /^sock_sandboxes\{state="standby"\} \d+$/m);
    assert.match(text, /^process_resident_memory_bytes \d+/m);
    assert.doesNotMatch(text, /no-such/);
  });

  test('/debug has a line for each sandbox', async () => {
    assert.match(
      (await ask('/debug')).text,
      /LAMBDA echo: 0 queued, 3 calls, 50 MiB a sandbox\n {2}SANDBOX \d+: (idle|frozen), started \w+, 0 calls now, 3 in all, .*, code [0-9a-f]{12}, \d+\.\d MiB used\n/,
    );
  });

  test('/trace has the requests as lines of JSON and for Perfetto, filtered', async () => {
    const lines = (await ask('/trace?lambda=echo')).text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    assert.equal(lines.length, 3);
    assert.ok(lines.every(({ lambda, status }) => lambda === 'echo' && status === 200));
    const chrome = (await ask('/trace?lambda=echo&format=chrome&limit=1')).json<{ traceEvents: { ph: string }[] }>();
    assert.ok(chrome.traceEvents.filter(({ ph }) => ph === 'B').length > 2);
    assert.deepEqual([(await ask('/trace?start=lukewarm')).status, (await ask('/trace?limit=-1')).status], [400, 400]);
  });

  test('/pprof: a CPU profile and a heap snapshot, one at a time', async () => {
    assert.equal((await ask('/pprof/cpu-stop')).status, 409);
    assert.equal((await ask('/pprof/cpu-start')).status, 200);
    assert.equal((await ask('/pprof/cpu-start')).status, 409);
    await worker.call('echo', {});
    for (const path of ['cpu-start', 'cpu-stop', 'mem']) assert.equal((await ask(`/pprof/${path}`, { method: 'HEAD' })).status, 200, path);
    assert.ok((await ask('/pprof/cpu-stop')).json<{ nodes: unknown[] }>().nodes.length > 1);
    assert.ok((await ask('/pprof/mem')).json<{ snapshot: object }>().snapshot);
  });

  test('/logs has what a lambda has printed, and follows it', async () => {
    await worker.call('prints', { n: 1 });
    await worker.logged(({ msg }) => msg === 'printed 1');
    assert.match((await ask('/logs/prints')).text, /^\S+ \S+ stdout: printed 1\n$/);
    const asked = request(`${worker.url}/logs/prints?follow=1&n=1`, { agent: false }).end();
    const [reply] = (await once(asked, 'response')) as [IncomingMessage];
    let text = '';
    reply.setEncoding('utf8').on('data', (part: string) => (text += part));
    await worker.call('prints', { n: 2 });
    while (!text.endsWith('stdout: printed 2\n')) await once(reply, 'data');
    assert.match(text, /^\S+ \S+ stdout: printed 1\n/);
    asked.destroy();
  });

  test('a trace context is taken over and passed on; one is made where there is none', async () => {
    const sent = await worker.call('traced', {}, { headers: { traceparent: `00-${traceId}-b7ad6b7169203331-01` } });
    assert.match(sent.json<string>(), new RegExp(`^00-${traceId}-(?!b7ad6b7169203331)[0-9a-f]{16}-01$`));
    assert.match((await worker.call('traced', {})).json<string>(), /^00-[0-9a-f]{32}-[0-9a-f]{16}-0[01]$/);
  });

  test('/registry: a package is put there, called at once, listed, downloaded, replaced, and removed', async () => {
    const pack = (text: string): Buffer => {
      writeFileSync(join(worker.dir, 'f.py'), `def f(event): return "${text}"\n`);
      return execFileSync('tar', ['-C', worker.dir, '-cz', 'f.py']);
    };
    const put = (name: string, body: Buffer) =>
      ask(`/registry/${name}`, { method: 'POST', headers: { 'content-type': 'application/gzip' } }, body);
    const created = await put('up', pack('one'));
    assert.deepEqual([created.status, created.json<{ name: string }>().name], [201, 'up']);
    assert.equal((await worker.call('up')).text, '"one"');
    assert.equal((await put('up', pack('two'))).status, 201);
    assert.equal((await worker.call('up')).text, '"two"');
    assert.ok((await ask('/registry/')).json<string[]>().includes('up'));
    const { bytes } = await ask('/registry/up');
    assert.ok(gunzipSync(bytes).includes('return "two"'));
    assert.deepEqual(bytes, readFileSync(join(worker.registry, 'up.tar.gz')));
    assert.equal((await ask('/registry/up/config')).status, 200);
    assert.equal((await put('up', Buffer.from('no archive'))).status, 400);
    assert.equal((await worker.call('up')).text, '"two"');
    assert.equal((await ask('/registry/up', { method: 'DELETE' })).status, 200);
    assert.equal((await worker.call('up')).status, 404);
    assert.equal((await ask('/registry/up', { method: 'DELETE' })).status, 404);
  });

  test('/pid is there on the socket only', async () => {
    assert.equal((await ask('/pid')).status, 404);
    const asked = request({ socketPath: join(worker.workerDir, 'ol.sock'), path: '/pid' }).end();
    const [reply] = (await once(asked, 'response')) as [IncomingMessage];
    let text = '';
    for await (const part of reply.setEncoding('utf8')) text += part;
    assert.equal(text, `${worker.pid}\n`);
  });

  test('other methods are 405 with those that are allowed, other paths 404', async () => {
    const wrong = await ask('/metrics', { method: 'POST' }, {});
    assert.deepEqual([wrong.status, wrong.headers.allow], [405, 'GET, HEAD']);
    assert.equal((await ask('/metrics', { method: 'HEAD' })).text, '');
    assert.equal((await ask('/nothing')).status, 404);
  });

  test('who comes through a proxy, or from a page of another site, may read counters and nothing else', async () => {
    for (const headers of [{ 'x-forwarded-for': '10.1.1.1' }, { origin: 'http://evil.example' }, { host: 'evil.example' }]) {
      for (const path of ['/debug', '/trace', '/logs/echo', '/registry/', '/pprof/mem'])
        assert.equal((await ask(path, { headers })).status, 403, `${path} ${JSON.stringify(headers)}`);
    }
    assert.equal((await ask('/metrics', { headers: { 'x-forwarded-for': '10.1.1.1' } })).status, 200);
  });
});

test('/metrics shows what is at the moment: calls, queues, sandboxes, memory, evictions', needsRoot, async (t) => {
  const config = { mem_pool_mb: 50, limits: { mem_mb: 50 }, standbys: 0, max_standbys: 0, freeze_after_ms: 0 };
  const worker = await startWorker(t, { lambdas: { echo, slow }, config });
  const has = async (...lines: readonly string[]): Promise<void> => {
    const ask = () => worker.call('', undefined, { path: '/metrics', method: 'GET' });
    let { text } = await ask();
    for (let looks = 0; looks < 1000 && !lines.every((line) => text.split('\n').includes(line)); looks++) ({ text } = await ask());
    for (const line of lines) assert.ok(text.split('\n').includes(line), `${line} in ${text}`);
  };
  const bytes = 50 << 20;
  await has(`sock_memory_budget_bytes ${bytes}`, 'sock_memory_taken_bytes 0', 'sock_calls_in_flight 0', 'sock_calls_queued 0');
  await worker.call('echo', {});
  await has(`sock_memory_taken_bytes ${bytes}`, 'sock_sandboxes{state="frozen"} 1', 'sock_sandboxes{state="busy"} 0');
  const calls = [1, 2].map(() => worker.call('slow', { s: 1 }));
  const now = ['sock_calls_in_flight 2', 'sock_calls_queued 1', 'sock_queue_depth{lambda="slow"} 1', 'sock_sandboxes{state="busy"} 1'];
  await has(...now, 'sock_sandboxes{state="frozen"} 0');
  const { text } = await worker.call('', undefined, { path: '/metrics', method: 'GET' });
  assert.match(text, /^sock_evictions_total\{reason="\w+"\} 1$/m);
  for (const { status } of await Promise.all(calls)) assert.equal(status, 200);
});

test(
  'over TCP there is no admin API where others could come and there is no token; lambdas and /status are there',
  needsRoot,
  async (t) => {
    const worker = await startWorker(t, { lambdas: { echo }, config: { worker_url: '0.0.0.0' } });
    const ask = (path: string) => worker.call('', undefined, { path, method: 'GET' });
    for (const path of ['/debug', '/registry/', '/trace']) {
      const answer = await ask(path);
      assert.deepEqual([answer.status, answer.json<{ error: { code: string } }>().error.code], [403, 'admin-off'], path);
    }
    assert.equal((await ask('/status')).text, 'ready\n');
    assert.equal((await worker.call('echo', {})).status, 200);
  },
);

test('with a token, those who send it may do everything from everywhere', needsRoot, async (t) => {
  const token = 'a-token-of-some-length';
  const worker = await startWorker(t, { lambdas: { echo }, config: { worker_url: '0.0.0.0', admin_token: token } });
  const ask = (headers: Readonly<Record<string, string>>) =>
    worker.call('', undefined, { path: '/debug', method: 'GET', headers: { 'x-forwarded-for': '10.1.1.1', ...headers } });
  assert.equal((await ask({})).status, 401);
  assert.equal((await ask({ authorization: 'Bearer wrong-token-of-some-length' })).status, 401);
  assert.equal((await ask({ authorization: `Bearer ${token}` })).status, 200);
});
