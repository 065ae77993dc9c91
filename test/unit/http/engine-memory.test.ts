// Memory that must not grow with requests, nor with replies that nobody reads.
import assert from 'node:assert/strict';
import { Agent, request as fetchBy } from 'undici';
import { never, onBoth, raw, request, take } from './serving.ts';

onBoth('ten thousand requests leave no memory behind', async (t, { serve }) => {
  const { url } = await serve((exchange) => {
    take(exchange, 100_000, 100_000, ({ first }) => setImmediate(() => exchange.reply(200, [['x-a', 'b']], first)), never);
  });
  const agent = new Agent({ connections: 8 });
  t.after(() => agent.close());
  const body = Buffer.alloc(20_000, 'x');
  const burst = async (count: number) => {
    for (let i = 0; i < count; i += 8) {
      await Promise.all(
        Array.from({ length: 8 }, async () => {
          const reply = await fetchBy(url, { method: 'POST', body, dispatcher: agent });
          assert.equal((await reply.body.arrayBuffer()).byteLength, body.length);
        }),
      );
    }
    return process.memoryUsage.rss() / (1 << 20);
  };
  const warm = await burst(4_000);
  const grown = (await burst(10_000)) - warm;
  assert.ok(grown < 100, `grown by ${grown} MB; kept bodies would be 200`);
});

onBoth('a large reply is not copied while its reader does not read', async (t, { serve }) => {
  const large = Buffer.alloc(64 << 20, 'sock');
  const { port } = await serve((exchange) => exchange.reply(200, [], large));
  const before = process.memoryUsage.rss();
  for (let i = 0; i < 4; i += 1) {
    const client = await raw(t, port);
    client.send(request('GET', '/'));
    await client.until('\r\n\r\n');
    client.socket.pause();
  }
  const grown = (process.memoryUsage.rss() - before) / (1 << 20);
  assert.ok(grown < 60, `grown by ${grown} MB; copies would be over 200`);
});
