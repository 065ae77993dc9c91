// Request bodies: what is gathered, what comes bit by bit, what is too long.
import assert from 'node:assert/strict';
import type { Handler } from '../../../src/http/engine.ts';
import { chunk, later, never, onBoth, raw, request, take } from './serving.ts';

const limit = 100_000;

/** Answers 413 for a body over the limit, else with the body. Gathers it itself from `enough` bytes on. */
function echo(enough: number): Handler {
  return (exchange) =>
    take(
      exchange,
      limit,
      enough,
      ({ first, rest }) => {
        if (rest === undefined) return exchange.reply(200, [], first);
        const parts = [first];
        rest.read((bytes, last) => {
          parts.push(bytes);
          if (last) exchange.reply(200, [], Buffer.concat(parts));
        });
      },
      () => exchange.reply(413, [], 'too large'),
    );
}

for (const enough of [1, 1000, limit]) {
  onBoth(`a body arrives as it was sent, handed over from ${enough} bytes on`, async (_, { serve }) => {
    const { url } = await serve(echo(enough));
    assert.equal(await (await fetch(url)).text(), '');
    for (const length of [0, 1, 999, 1000, 1001, 70_000, limit - 1, limit]) {
      const body = Buffer.alloc(length, 'abc');
      const reply = await fetch(url, { method: 'POST', body });
      assert.deepEqual([reply.status, Buffer.from(await reply.arrayBuffer()).equals(body)], [200, true]);
    }
  });

  onBoth(`chunks arrive in their order, handed over from ${enough} bytes on`, async (t, { serve }) => {
    const { port } = await serve(echo(enough));
    const client = await raw(t, port);
    client.send(request('POST', '/', { 'transfer-encoding': 'chunked' }), chunk('first '), chunk('second'), chunk(''));
    await client.until(/\r\nfirst second$/);
    client.send(request('POST', '/', { 'content-length': 4 }), 'next');
    await client.until(/\r\nnext$/);
  });

  onBoth(`one byte at a time is as good, handed over from ${enough} bytes on`, async (t, { serve }) => {
    const { port } = await serve(echo(enough));
    const client = await raw(t, port);
    const text = 'abcdefghij'.repeat(300);
    client.send(request('POST', '/', { 'transfer-encoding': 'chunked' }), [...text].map(chunk).join(''), chunk(''));
    await client.until(text);
    client.socket.setNoDelay(true);
    client.send(request('POST', '/', { 'content-length': 5 }));
    for (const byte of 'slow!') {
      await new Promise((resolve) => client.socket.write(byte, resolve));
      await new Promise(setImmediate);
    }
    await client.until('slow!');
  });
}

onBoth("the bytes are the receiver's: they stay as they are when more comes", async (_, { serve }) => {
  const kept: Uint8Array[] = [];
  const { url } = await serve((exchange) =>
    take(
      exchange,
      limit,
      1,
      ({ first, rest }) => {
        kept.push(first);
        if (rest === undefined) return exchange.reply(200, [], '');
        rest.read((bytes, last) => {
          kept.push(bytes);
          if (last) exchange.reply(200, [], '');
        });
      },
      never,
    ),
  );
  const texts = ['first', 'second', 'third', 'x'.repeat(90_000), 'y'.repeat(90_000)];
  for (const text of texts) await fetch(url, { method: 'POST', body: text });
  assert.equal(Buffer.concat(kept).toString(), texts.join(''));
});

onBoth('a body over the limit by its content-length is refused before any of it comes', async (t, { serve }) => {
  const { port } = await serve(echo(limit));
  const client = await raw(t, port);
  client.send(request('POST', '/', { 'content-length': limit + 1 }));
  assert.match(await client.until('too large'), /^HTTP\/1\.1 413 Payload Too Large\r\n[\s\S]*connection: close\r\n/i);
});

onBoth('a chunked body over the limit by one byte is refused, one at the limit is not', async (t, { serve }) => {
  const { port } = await serve(echo(limit));
  const client = await raw(t, port);
  const head = request('POST', '/', { 'transfer-encoding': 'chunked' });
  client.send(head, chunk('x'.repeat(limit - 1)), chunk('y'), chunk(''));
  await client.until('xy');
  client.send(head, chunk('x'.repeat(limit - 1)), chunk('yz'), chunk(''));
  await client.until('too large');
});

onBoth(
  'a body that turns out to be over the limit after it was handed over: that is told once, and nothing more comes',
  async (t, { serve }) => {
    const told = later<void>();
    let [came, overs] = [0, 0];
    const { port } = await serve((exchange) =>
      take(
        exchange,
        limit,
        10,
        ({ first, rest }) => {
          came += first.length;
          rest?.read((bytes) => {
            came += bytes.length;
          });
        },
        () => {
          overs += 1;
          told.resolve();
          setImmediate(() => exchange.reply(413, [], 'too large'));
        },
      ),
    );
    const client = await raw(t, port);
    client.send(request('POST', '/', { 'transfer-encoding': 'chunked' }));
    for (let i = 0; i < 11; i += 1) client.send(chunk('x'.repeat(10_000)));
    await told.value;
    client.send(chunk('x'.repeat(10_000)), chunk(''));
    await client.until('too large');
    assert.equal(overs, 1);
    assert.ok(came <= limit);
  },
);

onBoth('after `Expect: 100-continue` the body is asked for', async (t, { serve }) => {
  const { port } = await serve(echo(limit));
  const client = await raw(t, port);
  client.send(request('POST', '/', { 'content-length': 4, expect: '100-continue' }));
  assert.equal(await client.until('\r\n\r\n'), 'HTTP/1.1 100 Continue\r\n\r\n');
  client.send('body');
  assert.match(await client.until('body'), /\r\n\r\nHTTP\/1\.1 200 OK\r\n/);
});

onBoth('a reply without reading the body leaves the connection usable once the body is through', async (t, { serve }) => {
  const { port } = await serve((exchange) =>
    exchange.reply(exchange.method === 'POST' ? 404 : 200, [], exchange.method === 'POST' ? 'unread' : 'next'),
  );
  const client = await raw(t, port);
  client.send(request('POST', '/', { 'content-length': 10 }), '12345');
  await client.until('unread');
  client.send('67890', request('GET', '/'));
  await client.until('next');
});

onBoth('a connection goes on after replies that are errors', async (t, { serve }) => {
  const { port } = await serve((exchange) => {
    const status = Number(exchange.path.slice(1));
    if (status === 500) throw new Error('of the handler');
    take(exchange, limit, limit, ({ first }) => exchange.reply(status, [], `${status} with ${first}`), never);
  });
  const client = await raw(t, port);
  for (const status of [404, 429, 503]) {
    client.send(request('POST', `/${status}`, { 'content-length': 4 }), 'body');
    await client.until(`${status} with body`);
  }
  client.send(request('GET', '/500'));
  await client.until('"code":"internal"');
  client.send(request('GET', '/200'));
  await client.until('200 with ');
});

onBoth('chunk extensions and trailers are left out', async (t, { serve, engine }) => {
  if (engine === 'uws') return t.skip('uWebSockets.js reads neither');
  const { port } = await serve(echo(limit));
  const client = await raw(t, port);
  client.send(request('POST', '/', { 'transfer-encoding': 'chunked' }), '4;name=value\r\nbody\r\n', '0\r\nx-trailer: 1\r\n\r\n');
  await client.until(/\r\nbody$/);
});
