// Connections that are only said to close, because their client was still sending. The library's timer ends them, 10 to 14 s later:
// all tests of this file wait for it together.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { describe, test } from 'node:test';
import type { Handler } from '../../../src/http/engine.ts';
import { chunk, raw, request, serve } from './serving.ts';

const limit = 100_000;
const refuse: Handler = (exchange) => exchange.readBody(limit, (body) => exchange.reply(body === undefined ? 413 : 200, [], 'replied'));

describe('a client that still sends when it has its reply', { concurrency: true, timeout: 60_000 }, () => {
  test('can send what its content-length told, gets its reply, and is ended', async (t) => {
    const { port } = await serve(t, refuse);
    const client = await raw(t, port);
    client.send(request('POST', '/', { 'content-length': 1e12 }));
    const before = process.memoryUsage.rss();
    for (let sent = 0; sent < 200; sent += 1) {
      if (!client.socket.write(Buffer.alloc(1 << 20))) await Promise.race([once(client.socket, 'drain'), client.ended]);
    }
    assert.ok(process.memoryUsage.rss() - before < 100 << 20, 'what is dropped is not kept');
    assert.match(await client.ended, /^HTTP\/1\.1 413 [\s\S]*connection: close\r\n[\s\S]*replied$/);
  });

  test('is not read any further when its chunks are over the limit, and is ended', async (t) => {
    const { port } = await serve(t, refuse);
    const client = await raw(t, port);
    client.send(request('POST', '/', { 'transfer-encoding': 'chunked' }));
    const part = chunk('x'.repeat(50_000));
    for (let i = 0; i < 3; i += 1) client.send(part);
    await client.until('replied');
    for (let i = 0; i < 400; i += 1) client.send(part);
    assert.match(await client.ended, /^HTTP\/1\.1 413 [\s\S]*connection: close\r\n[\s\S]*replied$/);
    assert.ok(client.socket.bytesWritten - client.socket.writableLength < 15_000_000, 'the sockets hold a few MB, no more');
  });

  test('is not read any further when it was answered before its body was read, and is ended', async (t) => {
    const { port } = await serve(t, (exchange) => {
      exchange.readBody(limit, () => assert.fail('it was answered'));
      exchange.reply(400, [], 'replied');
    });
    const client = await raw(t, port);
    client.send(request('POST', '/', { 'content-length': 10 }), '12345');
    assert.match(await client.until('replied'), /connection: close/);
    client.send('67890');
    await client.ended;
  });
});
