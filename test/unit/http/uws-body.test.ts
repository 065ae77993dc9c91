import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Handler } from '../../../src/http/engine.ts';
import { chunk, later, raw, request, serve } from './serving.ts';

const limit = 100_000;

/** Answers 413 at once for a body over the limit, else with the body. */
const echo: Handler = (exchange) => {
  exchange.readBody(limit, (body) => {
    if (body === undefined) exchange.reply(413, [], 'too large');
    else exchange.reply(200, [['x-length', String(body.length)]], body);
  });
};

test('a body arrives as it was sent: none, empty, one byte, many chunks, exactly the limit', async (t) => {
  const { url } = await serve(t, echo);
  assert.equal(await (await fetch(url)).text(), '');
  for (const length of [0, 1, 5_000, limit]) {
    const body = Buffer.alloc(length, 'abc');
    const reply = await fetch(url, { method: 'POST', body });
    assert.deepEqual([reply.status, Buffer.from(await reply.arrayBuffer()).equals(body)], [200, true]);
  }
});

test('a chunked body arrives whole', async (t) => {
  const { port } = await serve(t, echo);
  const client = await raw(t, port);
  client.send(request('POST', '/', { 'transfer-encoding': 'chunked' }), chunk('first '), chunk('second'), chunk(''));
  assert.match(await client.until('first second'), /x-length: 12\r\n/);
});

test("the bytes are the receiver's: they stay as they are when the next request comes", async (t) => {
  const kept: Uint8Array[] = [];
  const { url } = await serve(t, (exchange) =>
    exchange.readBody(limit, (body) => {
      if (body !== undefined) kept.push(body);
      exchange.reply(200, [], '');
    }),
  );
  for (const text of ['first', 'second', 'third']) await fetch(url, { method: 'POST', body: text });
  await fetch(url, { method: 'POST', body: 'x'.repeat(50_000) });
  assert.deepEqual(kept.slice(0, 3).map(String), ['first', 'second', 'third']);
});

test('a body that comes byte by byte arrives whole', async (t) => {
  const { port } = await serve(t, echo);
  const client = await raw(t, port);
  client.socket.setNoDelay(true);
  client.send(request('POST', '/', { 'content-length': 5 }));
  for (const byte of 'slow!') {
    await new Promise((resolve) => client.socket.write(byte, resolve));
    await new Promise(setImmediate);
  }
  await client.until('slow!');
});

test('a body over the limit by its content-length is refused before any of it comes', async (t) => {
  const { port } = await serve(t, echo);
  const client = await raw(t, port);
  client.send(request('POST', '/', { 'content-length': limit + 1 }));
  assert.match(await client.until('too large'), /^HTTP\/1\.1 413 Payload Too Large\r\nconnection: close\r\n/);
});

test('a chunked body that is over the limit with its last chunk is refused', async (t) => {
  const { port } = await serve(t, echo);
  const client = await raw(t, port);
  client.send(request('POST', '/', { 'transfer-encoding': 'chunked' }) + chunk('x'.repeat(limit + 1)) + chunk(''));
  await client.until('too large');
});

test('a client that goes away while it sends its body aborts the exchange, and the body is never told', async (t) => {
  const aborted = later<void>();
  const started = later<void>();
  const { port } = await serve(t, (exchange) => {
    exchange.onAbort = aborted.resolve;
    exchange.readBody(limit, () => assert.fail('the body was never whole'));
    started.resolve();
  });
  const client = await raw(t, port);
  client.send(request('POST', '/', { 'content-length': 10 }), 'half');
  await started.value;
  client.socket.destroy();
  await aborted.value;
});

test('a reply without reading the body leaves the connection usable once the body is through', async (t) => {
  const { port } = await serve(t, (exchange) =>
    exchange.method === 'POST' ? exchange.reply(404, [], 'unread') : exchange.reply(200, [], 'next'),
  );
  const client = await raw(t, port);
  client.send(request('POST', '/', { 'content-length': 10 }), '12345');
  await client.until('unread');
  client.send('67890', request('GET', '/'));
  await client.until('next');
});

test('a content-length that is none, or one beside transfer-encoding, is refused and harms nothing', async (t) => {
  const { port, url } = await serve(t, echo);
  for (const length of ['-5', '+5', 'x', '0x10', '1e3', '1.5', '5 5', '5,5', '9'.repeat(30)]) {
    const client = await raw(t, port);
    client.send(request('POST', '/', { 'content-length': length }), 'body');
    assert.match(await client.ended, /^HTTP\/1\.1 400 /, length);
  }
  const both = await raw(t, port);
  both.send(request('POST', '/', { 'content-length': 4, 'transfer-encoding': 'chunked' }), 'body');
  assert.match(await both.ended, /^HTTP\/1\.1 400 /);
  assert.equal((await fetch(url)).status, 200);
});
