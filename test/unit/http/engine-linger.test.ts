// What takes its time: slow senders, and connections that only end when their client does. uWebSockets.js gives them 10 to 14 s, so all wait together.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { describe } from 'node:test';
import type { Handler } from '../../../src/http/engine.ts';
import { chunk, later, never, onBoth, raw, request, take } from './serving.ts';

const refuse: Handler = (exchange) =>
  take(
    exchange,
    100_000,
    200_000,
    () => exchange.reply(200, [], 'replied'),
    () => exchange.reply(413, [], 'replied'),
  );

describe('a connection ends', { concurrency: true, timeout: 60_000 }, () => {
  onBoth(
    'when its client sends on after its reply, the length it told, and nothing of that is kept',
    async (t, { serveHastily: serve }) => {
      const { port } = await serve(refuse);
      const client = await raw(t, port);
      client.send(request('POST', '/', { 'content-length': 1e12 }));
      const before = process.memoryUsage.rss();
      for (let sent = 0; sent < 200 && !client.socket.destroyed; sent += 1) {
        if (!client.socket.write(Buffer.alloc(1 << 20))) await Promise.race([once(client.socket, 'drain'), client.ended]);
      }
      assert.ok(process.memoryUsage.rss() - before < 100 << 20, 'what is dropped is not kept');
      assert.match(await client.ended, /^HTTP\/1\.1 413 [\s\S]*connection: close\r\n[\s\S]*replied$/i);
    },
  );

  onBoth('when its client sends chunks on after its reply', async (t, { serveHastily: serve }) => {
    const { port } = await serve(refuse);
    const client = await raw(t, port);
    client.send(request('POST', '/', { 'transfer-encoding': 'chunked' }));
    const part = chunk('x'.repeat(50_000));
    for (let i = 0; i < 3; i += 1) client.send(part);
    await client.until('replied');
    for (let i = 0; i < 400; i += 1) client.send(part);
    assert.match(await client.ended, /^HTTP\/1\.1 413 [\s\S]*connection: close\r\n[\s\S]*replied$/i);
  });

  onBoth('when it was answered before its body was whole', async (t, { serveHastily: serve }) => {
    const { port } = await serve((exchange) => {
      take(exchange, 100, 100, never, never);
      exchange.reply(400, [], 'replied');
    });
    const client = await raw(t, port);
    client.send(request('POST', '/', { 'content-length': 10 }), '12345');
    assert.match(await client.until('replied'), /connection: close/i);
    client.send('67890');
    await client.ended;
  });

  onBoth('when its streamed reply ended before its body was whole', async (t, { serveHastily: serve }) => {
    const { port } = await serve((exchange) =>
      take(
        exchange,
        100,
        1,
        () => {
          exchange.begin(200, [], undefined);
          exchange.write(Buffer.from('replied'));
          exchange.end();
        },
        never,
      ),
    );
    const client = await raw(t, port);
    client.send(request('POST', '/', { 'content-length': 10 }), '12345');
    assert.match(await client.ended, /connection: close[\s\S]*replied\r\n0\r\n\r\n$/i);
  });

  onBoth('when nothing comes, or a request does not', async (t, { serveHastily: serve }) => {
    const { port } = await serve((exchange) => exchange.reply(200, [], 'ok'));
    const [silent, idle] = [await raw(t, port), await raw(t, port)];
    idle.send(request('GET', '/'));
    await idle.until('ok');
    assert.equal(await silent.ended, '');
    assert.match(await idle.ended, /ok$/);
  });

  onBoth('when its head comes byte by byte', async (t, { serveHastily: serve }) => {
    const { port } = await serve(never);
    const client = await raw(t, port);
    client.send('GET / HTTP/1.1\r\nhost: x\r\nx-slow: ');
    const timer = setInterval(() => client.send('a'), 100);
    t.after(() => clearInterval(timer));
    assert.match(await client.ended, /^(HTTP\/1\.1 408 |$)/);
  });

  onBoth('when its body stops coming and that was answered', async (t, { serveHastily: serve }) => {
    const { port } = await serve((exchange) => {
      take(
        exchange,
        100,
        exchange.path === '/begun' ? 1 : 100,
        ({ rest }) => rest?.read(never),
        (why) => exchange.reply(why.status, [], why.message),
      );
    });
    for (const [path, body] of [
      ['/begun', '12345'],
      ['/', '12345'],
      ['/', ''],
    ] as const) {
      const client = await raw(t, port);
      client.send(request('POST', path, { 'content-length': 10 }), body);
      await client.until(/^HTTP\/1\.1 408 [\s\S]*connection: close[\s\S]*nothing more of the request body came in time: 0\.4 s$/i);
      client.socket.end();
      await client.ended;
    }
  });

  onBoth('when its client does not take its reply', async (t, { serveHastily: serve }) => {
    const aborted = later<void>();
    const { port } = await serve((exchange) => {
      exchange.onAbort = aborted.resolve;
      exchange.begin(200, [], undefined);
      const more = () => {
        while (exchange.write(Buffer.alloc(1 << 20)));
      };
      exchange.onDrain = more;
      more();
    });
    const client = await raw(t, port);
    client.socket.pause();
    client.send(request('GET', '/'));
    await aborted.value;
  });
});

describe('a connection does not end', { concurrency: true, timeout: 60_000 }, () => {
  // uWebSockets used to give up after 8 to 12 s of less than 160 KB.
  onBoth('while its client rests in the middle of a body, or sends slowly', async (t, { serve, serveHastily }) => {
    const slow = async (server: { port: number }, enough: number, ms: number, bytes: number): Promise<void> => {
      const client = await raw(t, server.port);
      client.send(request('POST', `/${enough}`, { 'content-length': bytes }));
      for (let i = 0; i < bytes; i++) {
        client.send('x');
        await new Promise((resolve) => setTimeout(resolve, ms));
      }
      await client.until(`all of ${bytes}`);
    };
    const handler: Handler = (exchange) => {
      take(
        exchange,
        100,
        Number(exchange.path.slice(1)),
        ({ first, rest }) => {
          let came = first.length;
          const end = () => exchange.reply(200, [], `all of ${came}`);
          if (rest === undefined) end();
          rest?.read((bytes, last) => {
            came += bytes.length;
            if (last) end();
          });
        },
        never,
      );
    };
    const [patient, hasty] = [await serve(handler), await serveHastily(handler)];
    await Promise.all([
      slow(patient, 100, 13_000, 2),
      slow(patient, 1, 13_000, 2),
      slow(patient, 100, 1000, 20),
      slow(hasty, 100, 150, 40),
    ]);
  });

  onBoth('while a handler takes its time, to begin, to read, to go on', async (t, { serveHastily: serve, engine }) => {
    const lull = () => new Promise((resolve) => setTimeout(resolve, engine === 'uws' ? 15_000 : 3_000)); // longer than a client may be idle
    const { port } = await serve((exchange) =>
      take(
        exchange,
        100,
        1,
        async ({ rest }) => {
          await lull();
          exchange.begin(200, [], undefined);
          exchange.write(Buffer.from('begun'));
          await lull();
          rest?.read((_, last) => {
            if (last) exchange.end();
          });
        },
        never,
      ),
    );
    const client = await raw(t, port);
    client.send(request('POST', '/', { 'content-length': 2 }), '1');
    await client.until('begun');
    client.send('2');
    await client.until('\r\n0\r\n\r\n');
  });
});
