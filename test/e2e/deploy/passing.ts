// How every balancer of deploy/ passes on what it gets. A server of the test stands in for the workers, since it has to see what comes in.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, type TestContext, test } from 'node:test';
import { later, raw, request } from '../../unit/http/serving.ts';
import { freePort, type StartBalancer } from './balancer.ts';
import { client } from './calls.ts';

type Answer = (req: IncomingMessage, res: ServerResponse) => void;

/** One server in both places, which answers calls so, and that it is ready. */
async function upstream(t: TestContext, answer: Answer): Promise<readonly [number, number]> {
  const server = createServer((req, res) => (req.url === '/status' ? res.end('ready\n') : answer(req, res)));
  await once(server.listen(0, '127.0.0.1'), 'listening');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return [port, port];
}

export function passing(start: StartBalancer): void {
  describe('what is passed on', { concurrency: true }, () => {
    test('bodies stream both ways: each part arrives before the next is sent', async (t) => {
      const workers = await upstream(t, (req, res) => {
        res.writeHead(200, { 'content-type': 'text/event-stream' });
        req.on('data', (part: Buffer) => res.write(`data: ${part}\n\n`));
        req.on('end', () => res.end());
      });
      const connection = await raw(t, (await start(t, workers)).port);
      connection.socket.setMaxListeners(0);
      connection.send(request('POST', '/run/events', { 'transfer-encoding': 'chunked' }));
      for (let i = 0; i < 20; i++) {
        connection.send(`6\r\npart${`${i}`.padStart(2, '0')}\r\n`);
        await connection.until(`data: part${`${i}`.padStart(2, '0')}\n\n`);
      }
      connection.send('0\r\n\r\n');
      assert.match(await connection.until(/0\r\n\r\n$/), /^HTTP\/1.1 200 OK\r\n/);
    });

    test('the caller is told in X-Forwarded-For and -Proto, whatever it says itself; host, path and query stay as they were', async (t) => {
      const seen = later<IncomingMessage>();
      const workers = await upstream(t, (req, res) => {
        seen.resolve(req);
        res.end();
      });
      const connection = await raw(t, (await start(t, workers)).port);
      const forged = { 'x-forwarded-for': '6.6.6.6', 'x-forwarded-proto': 'gopher', 'x-force-start': 'forked' };
      connection.send(request('PUT', '/run/a/b%2fc//d/..?q=%20&q', { ...forged, 'content-length': 0 }));
      const { url, method, headers } = await seen.value;
      assert.deepEqual([method, url, headers.host], ['PUT', '/run/a/b%2fc//d/..?q=%20&q', 'test']);
      assert.deepEqual([headers['x-forwarded-for'], headers['x-forwarded-proto']], ['127.0.0.1', 'http']);
      assert.match(`${headers['x-request-id']}`, /^[0-9a-f-]{32,36}$/);
      assert.equal(headers['x-force-start'], undefined);
    });

    test('what a lambda answers comes through untouched: large heads, redirects, errors, commands to a proxy', async (t) => {
      const lambda = { location: 'http://127.0.0.1:1/elsewhere', 'x-large': 'x'.repeat(15_000), 'x-accel-redirect': '/status' };
      const workers = await upstream(t, (req, res) => res.writeHead(Number(req.headers['x-status']), lambda).end('as it is'));
      const ask = client(t, (await start(t, workers)).port);
      for (const status of [200, 302, 404, 502, 503]) {
        const got = await ask('/run/any', { headers: { 'x-status': `${status}` } });
        assert.deepEqual(
          [got.status, got.text, got.headers.location, got.headers['x-large']],
          [status, 'as it is', lambda.location, lambda['x-large']],
        );
      }
    });

    test('a call that a worker answers with 503 is not repeated: the lambda may have said so', async (t) => {
      let asked = 0;
      const workers = await upstream(t, (_, res) => {
        asked += 1;
        res.writeHead(503, { 'retry-after': '1' }).end();
      });
      const ask = client(t, (await start(t, workers)).port);
      for (const method of ['POST', 'GET'])
        assert.deepEqual(await ask('/run/any', { method }).then((got) => [got.status, got.headers['retry-after']]), [503, '1']);
      assert.equal(asked, 2);
    });

    test('a call whose worker is lost is not repeated, and the caller is told that it may have run', async (t) => {
      let asked = 0;
      const workers = await upstream(t, (req) => {
        asked += 1;
        req.socket.destroy();
      });
      const ask = client(t, (await start(t, workers)).port);
      for (const body of ['{}', '']) {
        const got = await ask('/run/any', { body });
        assert.deepEqual([got.status, JSON.parse(got.text).error.code], [502, 'worker-lost']);
        assert.equal(got.headers['x-request-id'], JSON.parse(got.text).error.requestId);
      }
      assert.equal(asked, 2);
    });

    test('without a worker, calls are refused in the form of its errors', async (t) => {
      const balancer = await start(t, [await freePort(), await freePort()]);
      const got = await client(t, balancer.port)('/run/any', { body: '{}' });
      const { error } = JSON.parse(got.text);
      assert.deepEqual([got.status, error.code], balancer.name === 'haproxy' ? [503, 'no-worker'] : [502, 'worker-lost']);
    });

    test('a client that waits for `100 Continue` gets it', async (t) => {
      const workers = await upstream(t, (req, res) => void req.pipe(res));
      const connection = await raw(t, (await start(t, workers)).port);
      connection.send(request('POST', '/run/any', { expect: '100-continue', 'content-length': 4 }));
      await connection.until('HTTP/1.1 100 Continue\r\n\r\n');
      connection.send('body');
      assert.match(await connection.until('body'), /^HTTP\/1.1 100 .*HTTP\/1.1 200 /s);
    });

    test('heads that are too large, or do not come to an end, are refused', async (t) => {
      const { port } = await start(t, await upstream(t, (_, res) => res.end('reached')));
      const large = await raw(t, port);
      large.send(request('GET', '/run/any', { 'x-large': 'x'.repeat(100_000) }));
      assert.match(await large.ended, /^HTTP\/1.1 400 /);
      const slow = await raw(t, port);
      slow.send('GET /run/any HTTP/1.1\r\nhost: te');
      assert.ok(!(await slow.ended).includes('reached'));
    });
  });
}
