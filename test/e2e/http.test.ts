// What HTTP clients of every kind see.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { Pool } from 'undici';
import { chunk, raw, request } from '../unit/http/serving.ts';
import { fronts } from './backends.ts';
import { echo } from './lambdas.ts';
import { suiteOwner, type Worker } from './worker.ts';

const run = promisify(execFile);
const curl = async (...args: string[]): Promise<string> => (await run('curl', ['-s', ...args])).stdout;
const mib = 1 << 20;

/** Answers as the event says, and tells what it was told of its caller. */
const told = `def f(event, context):
  told = {name: context.headers.get(name) for name in ("host", "x-forwarded-for", "x-forwarded-proto")}
  return context.response(told, event["status"], [("location", "/else?where"), ("set-cookie", "a=1"), ("set-cookie", "b=2"), ("server", "mine")])
`;

for (const { name, title, engine, needs, cold, start: startWorker } of fronts) {
  describe(`over HTTP, ${title}`, needs, () => {
    const owner = suiteOwner();
    let worker: Worker;
    before(async () => {
      worker = await startWorker(owner, {
        config: { limits: { mem_mb: 400 } },
        lambdas: { echo, told, large: 'def f(event):\n  return "x" * event["n"]\n' },
      });
    });

    test('a lambda answers on both paths, whatever the method on /run/', async () => {
      assert.deepEqual((await worker.call('echo', { a: 1 })).json(), { a: 1 });
      for (const method of ['GET', 'POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS']) {
        const answer = await worker.call('', { m: method }, { path: '/run/echo/rest/of?the=path', method });
        assert.deepEqual([answer.status, answer.json()], [200, { m: method }]);
        assert.equal(answer.headers['content-type'], 'application/json');
      }
      const head = await worker.call('', undefined, { path: '/run/echo', method: 'HEAD' });
      assert.deepEqual([head.status, head.headers['content-length'], head.bytes.length], [200, '2', 0]);
    });

    test('a lambda is told of its caller as the caller or a proxy says, and its status and headers pass untouched', async () => {
      const headers = { host: 'an.example:81', 'x-forwarded-for': '192.0.2.1, 10.1.1.1', 'x-forwarded-proto': 'https' };
      for (const status of [201, 302, 307, 404, 418, 503]) {
        const answer = await worker.call('told', { status }, { headers });
        const { location, 'set-cookie': cookies, server } = answer.headers;
        assert.deepEqual([answer.status, location, cookies, server], [status, '/else?where', ['a=1', 'b=2'], 'mine']);
        assert.deepEqual(answer.json(), { ...headers, 'x-forwarded-for': '192.0.2.1, 10.1.1.1, 127.0.0.1' }); // and who called us
      }
    });

    test('curl gets the same', async () => {
      assert.deepEqual(JSON.parse(await curl('-d', '{"name": "curl"}', `${worker.url}/runLambda/echo`)), { name: 'curl' });
      assert.equal(await curl('-o', '/dev/null', '-w', '%{http_code}', '-X', 'PUT', `${worker.url}/runLambda/echo`), '405');
    });

    test('an unknown lambda, a bad name and an unknown path are 404, each with its code', async (t) => {
      for (const [path, code] of [
        ['/run/unknown', 'lambda-unknown'],
        ['/run/..', 'lambda-name'],
        ['/run/%2e%2e', 'lambda-name'],
        ['/run/a%2fb', 'lambda-name'],
        ['/run/%00', 'lambda-name'],
        ['/run/', 'lambda-name'],
        ['/run/%zz', 'lambda-name'],
        ['/run/echo.py', 'lambda-unknown'],
        [`/run/${'a'.repeat(300)}`, 'lambda-unknown'],
        ['/', 'path-unknown'],
        ['/runLambda/echo/more', 'path-unknown'],
        ['/status/', 'path-unknown'],
      ]) {
        const client = await raw(t, worker.port);
        client.send(request('POST', path ?? '', { 'content-length': 0, connection: 'close' }));
        const text = await client.until('requestId');
        assert.match(text, /^HTTP\/1\.1 404 /, path);
        assert.ok(text.includes(`"code":"${code}"`), `${path}: ${text}`);
        client.socket.destroy();
      }
    });

    test('a wrong method is told as OpenLambda tells it', async () => {
      const answer = await worker.call('echo', undefined, { method: 'PUT' });
      assert.deepEqual([answer.status, answer.headers.allow], [405, 'POST']);
      assert.equal(answer.text, 'HTTP method not allowed. Sent: PUT, Allowed: [POST]\n');
      const status = await worker.call('', undefined, { path: '/status', method: 'DELETE' });
      assert.deepEqual([status.status, status.headers.allow], [405, 'GET, HEAD']);
    });

    test('/status is text, or JSON for those who ask for it', async () => {
      const text = await worker.call('', undefined, { path: '/status', method: 'GET' });
      assert.deepEqual([text.status, text.text], [200, 'ready\n']);
      await worker.call('echo', {});
      const json = await worker.status<{ ready: boolean; backend: string; engine: string; lambdas: number; inFlight: number }>();
      assert.deepEqual([json.ready, json.backend, json.inFlight], [true, name, 0]);
      assert.match(json.engine, engine);
      assert.ok(json.lambdas >= 1);
    });

    test('a request id is taken over when it is usable, else made, and different each time', async () => {
      const taken = await worker.call('echo', {}, { headers: { 'x-request-id': 'mine-1' } });
      assert.equal(taken.headers['x-request-id'], 'mine-1');
      const ids = await Promise.all(
        [{}, {}, { 'x-request-id': 'with space' }, { 'x-request-id': 'a'.repeat(129) }].map(async (headers) => {
          return (await worker.call('echo', {}, { headers })).headers['x-request-id'];
        }),
      );
      assert.equal(new Set(ids).size, 4);
      assert.ok(
        ids.every((id) => /^[0-9a-f]{12}-\w+$/.test(`${id}`)),
        `${ids}`,
      );
      const failed = await worker.call('unknown', {}, { headers: { 'x-request-id': 'mine-2' } });
      assert.equal(failed.headers['x-request-id'], 'mine-2');
      assert.equal(failed.json<{ error: { requestId: string } }>().error.requestId, 'mine-2');
    });

    test('the phases of Server-Timing are not negative and sum to no more than the client has waited', async () => {
      for (const start of [undefined, cold, 'spawned', 'warm'] as const) {
        const from = performance.now();
        const answer = await worker.call('echo', { a: 1 }, start === undefined ? {} : { start });
        const wall = performance.now() - from;
        const phases = `${answer.headers['server-timing']}`.split(', ').map((part) => Number(/;dur=([\d.]+)$/.exec(part)?.[1]));
        assert.ok(phases.length > 2 && phases.every((ms) => ms >= 0), `${answer.headers['server-timing']}`);
        // Each is rounded to 0.0005 ms at most.
        const sum = phases.reduce((a, b) => a + b, 0);
        assert.ok(sum <= wall + 0.0005 * phases.length, `${sum} > ${wall}`);
      }
    });

    test('a body up to the limit is echoed whole, one over it is refused by its length', async (t) => {
      const near = Buffer.from(JSON.stringify('x'.repeat(8 * mib - 2)));
      const answer = await worker.call('echo', near);
      assert.equal(answer.status, 200);
      assert.ok(answer.bytes.equals(near));
      const client = await raw(t, worker.port);
      client.send(request('POST', '/run/echo', { 'content-length': 8 * mib + 1 }));
      assert.match(await client.until('body-too-large'), /^HTTP\/1\.1 413 /);
      client.socket.destroy();
    });

    test('a chunked body arrives whole, and one that grows over the limit is refused', async (t) => {
      const client = await raw(t, worker.port);
      client.send(request('POST', '/run/echo', { 'transfer-encoding': 'chunked' }), chunk('{"par'), chunk('ts": 3}'), chunk(''));
      assert.match(await client.until('{"parts": 3}'), /^HTTP\/1\.1 200 /);
      client.send(request('POST', '/run/echo', { 'transfer-encoding': 'chunked' }));
      const part = chunk('x'.repeat(mib));
      for (let i = 0; i < 9; i++) client.send(part);
      await client.until('body-too-large');
      client.socket.destroy();
    });

    test('a large reply arrives whole', async () => {
      const answer = await worker.call('large', { n: 20 * mib });
      assert.deepEqual([answer.status, answer.bytes.length], [200, 20 * mib + 2]);
      assert.equal((await worker.call('large', { n: 1 })).text, '"x"');
    });

    test('a pool of connections with several requests under way on it gets each its own answer', async () => {
      const pool = new Pool(worker.url, { connections: 8 });
      try {
        const answers = await Promise.all(
          Array.from({ length: 400 }, async (_, i) => {
            const { statusCode, body } = await pool.request({ path: '/run/echo', method: 'POST', body: JSON.stringify({ i }) });
            return [statusCode, await body.json()];
          }),
        );
        for (const [i, answer] of answers.entries()) assert.deepEqual(answer, [200, { i }]);
      } finally {
        await pool.close();
      }
    });
  });
}
