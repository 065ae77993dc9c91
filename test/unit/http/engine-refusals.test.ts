// What the engines themselves answer is an error like any other: from the one table, in the form that was asked for, with a request id.
import assert from 'node:assert/strict';
import { never, onBoth, raw, request } from './serving.ts';

const mine = { 'x-request-id': 'mine' };
const internal = /^HTTP\/1\.1 500 [\s\S]*x-request-id: mine\r\n[\s\S]*\{"error":\{"code":"internal",.*"requestId":"mine"\}\}\n$/i;
const made = /x-request-id: [0-9a-f]{12}-[0-9a-z]+\r\n/;

onBoth('what a handler throws is told with the id that its caller gets', async (t, { fresh }) => {
  const told: unknown[] = [];
  const listening = await fresh((cause, id) => told.push(cause, id)).listen({
    host: '127.0.0.1',
    port: 0,
    handler: () => {
      throw new Error('of the handler');
    },
  });
  t.after(() => listening.closeAll());
  const client = await raw(t, listening.port);
  client.send(request('GET', '/', mine));
  await client.until(internal);
  assert.deepEqual(told, [new Error('of the handler'), 'mine']);
});

onBoth('a request that could be read in two ways is told why it is refused, and its connection ends', async (t, { serve }) => {
  const { port } = await serve(never);
  const twice = 'host: elsewhere\r\n';
  for (const [accept, expected] of [
    [
      '*/*',
      /content-type: application\/json[\s\S]*\r\n\r\n\{"error":\{"code":"request-invalid","message":"[^"]*one host header[^"]*","requestId":"mine"\}\}\n(\r\n)?$/,
    ],
    ['text/plain', /content-type: text\/plain[\s\S]*\r\n\r\nthis request cannot be read for sure: [^\n]*one host header[^\n]*\n(\r\n)?$/],
  ] as const) {
    const client = await raw(t, port);
    client.send(request('POST', '/', { ...mine, accept }).replace('\r\n\r\n', `\r\n${twice}\r\n`));
    const all = await client.ended;
    assert.match(all, /^HTTP\/1\.1 400 Bad Request\r\n/);
    assert.match(all, /connection: close\r\n/i);
    assert.match(all, /x-request-id: mine\r\n/);
    assert.match(all, expected);
  }
});

onBoth('what node:http cannot read is answered from the same table', async (t, { serve, engine }) => {
  if (engine === 'uws') return t.skip('uWebSockets.js answers itself');
  const { port } = await serve(never);
  for (const [bytes, expected] of [
    ['hello\r\n\r\n', /^HTTP\/1\.1 400 [\s\S]*"code":"request-invalid"/],
    [
      request('GET', '/', { 'x-long': 'a'.repeat(20_000) }),
      /^HTTP\/1\.1 431 [\s\S]*"code":"head-too-large","message":"[^"]*over 16384 bytes"/,
    ],
    ['GET / HTTP/2.0\r\nhost: x\r\n\r\n', /^HTTP\/1\.1 (400|505) [\s\S]*"code":"(request-invalid|version-unknown)"/],
    ['GET / HTTP/1.1\r\n\r\n', /^HTTP\/1\.1 400 [\s\S]*"code":"request-invalid","message":"[^"]*no Host header"/],
    [
      'CONNECT a:1 HTTP/1.1\r\nhost: a\r\n\r\n',
      /^HTTP\/1\.1 405 [\s\S]*allow: \r\n[\s\S]*\r\n\r\nHTTP method not allowed\. Sent: CONNECT, Allowed: \[\]\n$/,
    ],
  ] as const) {
    const client = await raw(t, port);
    client.send(bytes);
    const all = await client.ended;
    assert.match(all, expected);
    assert.match(all, made);
  }
});
