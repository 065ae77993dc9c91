// Backpressure: bodies of any length pass through either engine in memory that does not grow with them.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { type IncomingMessage, request as requestBy } from 'node:http';
import type { Writable } from 'node:stream';
import type { TestContext } from 'node:test';
import { Agent, request as fetchBy } from 'undici';
import type { Handler } from '../../../src/http/engine.ts';
import { later, never, onBoth, raw, request, type Serving, take } from './serving.ts';

const mib = 1 << 20;
const part = Buffer.from(Array.from({ length: mib }, (_, i) => (i * 31 + (i >> 8)) & 0xff));
const total = 200 * mib;
/** What the kernel's buffers of one direction may hold, and some chunks that are being handled. */
const inTheKernel = mostOf('tcp_rmem') + mostOf('tcp_wmem') + 4 * mib;
assert.ok(2 * inTheKernel < total, 'the buffers of this kernel are so large that this test would tell nothing');
const expected = (() => {
  const hash = createHash('sha256');
  for (let sent = 0; sent < total; sent += mib) hash.update(part);
  return hash.digest('hex');
})();

function mostOf(buffer: 'tcp_rmem' | 'tcp_wmem'): number {
  return Number(readFileSync(`/proc/sys/net/ipv4/${buffer}`, 'utf8').split(/\s+/)[2]);
}

/** Sends back what comes, as fast as it is taken. */
const echo: Handler = (exchange) => {
  if (exchange.path === '/ok') return exchange.reply(200, [], 'ok');
  take(
    exchange,
    Number.MAX_SAFE_INTEGER,
    1,
    ({ first, rest }) => {
      assert.ok(rest !== undefined);
      exchange.begin(200, [], exchange.path === '/length' ? total : undefined);
      exchange.onDrain = () => rest.resume();
      exchange.write(first);
      rest.read((bytes, last) => {
        if (!exchange.write(bytes)) rest.pause();
        if (last) exchange.end();
      });
    },
    never,
  );
};

/** Sends `total` bytes as fast as they are taken; counts those that were. */
async function send(to: Writable, counted: { sent: number }): Promise<void> {
  while (counted.sent < total) {
    await new Promise<void>((resolve, reject) => to.write(part, (cause) => (cause ? reject(cause) : resolve())));
    counted.sent += mib;
  }
}

async function digestOf(body: AsyncIterable<Uint8Array>): Promise<string> {
  const hash = createHash('sha256');
  for await (const bytes of body) hash.update(bytes);
  return hash.digest('hex');
}

/** Waits until a count stands still while the server goes on answering others. */
async function settled(t: TestContext, serving: Serving, count: () => number): Promise<number> {
  const agent = new Agent({ connections: 1 });
  t.after(() => agent.close());
  let [before, same] = [-1, 0];
  while (same < 50) {
    await (await fetchBy(`${serving.url}/ok`, { dispatcher: agent })).body.text();
    same = count() === before ? same + 1 : 0;
    before = count();
  }
  return before;
}

for (const path of ['/length', '/chunks']) {
  onBoth(`200 MB through an echo (${path}) wait in front of it for a slow reader, and arrive whole`, async (t, { serve }) => {
    const serving = await serve(echo);
    const headers = path === '/length' ? { 'content-length': total } : {};
    const client = requestBy({ port: serving.port, path, method: 'POST', headers, agent: false });
    t.after(() => client.destroy());
    const responded = once(client, 'response');
    const before = process.memoryUsage().arrayBuffers;
    const counted = { sent: 0 };
    const sending = send(client, counted).then(() => client.end());
    const [response] = (await responded) as [IncomingMessage]; // does not read on until it is asked to
    const held = await settled(t, serving, () => counted.sent);
    assert.ok(held < 2 * inTheKernel, `${held / mib} MB were taken, though nobody reads`);
    const grown = process.memoryUsage().arrayBuffers - before;
    assert.ok(grown < 16 * mib, `${grown / mib} MB more are kept`);
    assert.equal(await digestOf(response), expected);
    await sending;
  });
}

onBoth('a body that is paused makes its sender wait, and comes whole when it goes on', async (t, { serve }) => {
  const handed = later<() => void>();
  const digest = later<string>();
  const serving = await serve((exchange) => {
    if (exchange.path === '/ok') return exchange.reply(200, [], 'ok');
    take(
      exchange,
      total,
      100,
      ({ first, rest }) => {
        const hash = createHash('sha256').update(first);
        handed.resolve(() =>
          rest?.read((bytes, last) => {
            hash.update(bytes);
            if (!last) return;
            digest.resolve(hash.digest('hex'));
            exchange.reply(200, [], 'taken');
          }),
        );
      },
      never,
    );
  });
  const client = await raw(t, serving.port);
  client.send(request('POST', '/', { 'content-length': total }));
  const counted = { sent: 0 };
  const sending = send(client.socket, counted);
  const read = await handed.value;
  const held = await settled(t, serving, () => counted.sent);
  assert.ok(held < inTheKernel, `${held / mib} MB were taken, though nobody reads`);
  read();
  await sending;
  assert.equal(await digest.value, expected);
  client.send(request('GET', '/ok'));
  await client.until('ok');
});

onBoth('a reply is written no faster than it is read, and onDrain tells when to go on', async (t, { serve }) => {
  let [written, drains] = [0, 0];
  const serving = await serve((exchange) => {
    if (exchange.path === '/ok') return exchange.reply(200, [], 'ok');
    exchange.begin(200, [], exchange.path === '/length' ? total : undefined);
    const more = () => {
      while (written < total) {
        written += mib;
        if (!exchange.write(part)) return;
      }
      exchange.end();
    };
    exchange.onDrain = () => {
      drains += 1;
      more();
    };
    more();
  });
  for (const path of ['/length', '/chunks']) {
    [written, drains] = [0, 0];
    const { body } = await fetchBy(`${serving.url}${path}`, { highWaterMark: 1 });
    const held = await settled(t, serving, () => written);
    assert.ok(held < inTheKernel, `${held / mib} MB were written, though nobody reads`);
    assert.equal(await digestOf(body), expected);
    assert.ok(drains > 0);
  }
});

onBoth('200 MB through an echo stay near a reader that takes them bit by bit', async (t, { serve }) => {
  const { port } = await serve(echo);
  const client = requestBy({ port, path: '/chunks', method: 'POST', agent: false });
  t.after(() => client.destroy());
  const responded = once(client, 'response');
  const counted = { sent: 0 };
  const sending = send(client, counted).then(() => client.end());
  const [response] = (await responded) as [IncomingMessage];
  let [taken, most] = [0, 0];
  for await (const bytes of response) {
    taken += bytes.length;
    most = Math.max(most, counted.sent - taken);
    await new Promise(setImmediate);
  }
  await sending;
  assert.equal(taken, total);
  assert.ok(most < 2 * inTheKernel, `${most / mib} MB were under way`);
});
