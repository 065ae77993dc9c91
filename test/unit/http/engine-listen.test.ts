// Where an engine listens, and how it stops.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'undici';
import type { Exchange } from '../../../src/http/engine.ts';
import { later, onBoth, raw, request } from './serving.ts';

const neverAtFault = (cause: unknown) => assert.fail(String(cause));

onBoth('after stopAccepting open connections get their reply and end, new ones are refused', async (t, { serve }) => {
  const taken = later<Exchange>();
  const { port, url, listening } = await serve((exchange) =>
    exchange.path === '/slow' ? taken.resolve(exchange) : exchange.reply(200, [], 'ok'),
  );
  const client = await raw(t, port);
  client.send(request('GET', '/slow'));
  const exchange = await taken.value;
  const idle = await raw(t, port);
  idle.send(request('GET', '/'));
  await idle.until('ok');
  listening.stopAccepting();
  listening.stopAccepting();
  await assert.rejects(fetch(url));
  exchange.reply(200, [], 'the last');
  assert.match(await client.ended, /connection: close\r\n[\s\S]*the last$/i);
  idle.send(request('GET', '/'));
  assert.match(await idle.ended, /connection: close\r\n[\s\S]*ok$/i);
});

onBoth('closeAll aborts what is open and ends every connection', async (t, { serve }) => {
  const taken = later<void>();
  let aborted = 0;
  const { port, listening } = await serve((exchange) => {
    exchange.onAbort = () => {
      aborted += 1;
    };
    taken.resolve();
  });
  const [idle, waiting] = [await raw(t, port), await raw(t, port)];
  waiting.send(request('GET', '/'));
  await taken.value;
  listening.closeAll();
  await Promise.all([idle.ended, waiting.ended]);
  listening.closeAll();
  listening.stopAccepting();
  assert.equal(aborted, 1);
});

onBoth('a port that is taken is refused with what to do, whoever holds it', async (t, { fresh }) => {
  const engine = fresh(neverAtFault);
  const listen = (port: number) => engine.listen({ host: '127.0.0.1', port, handler: () => {} });
  const other = createServer();
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
  const address = other.address();
  assert.ok(address !== null && typeof address === 'object');
  const { port } = address;
  await assert.rejects(listen(port), /^Error: listen on 127\.0\.0\.1:\d+: the port is taken; /);

  // Without the exclusive option a second engine would share the port, unless it was a free one that the kernel chose.
  await new Promise((resolve) => other.close(resolve));
  const first = await listen(port);
  t.after(() => first.closeAll());
  await assert.rejects(listen(port), /the port is taken/);
});

onBoth('a host that is none of this machine is refused with what to do', async (_, { fresh }) => {
  await assert.rejects(
    fresh(neverAtFault).listen({ host: '192.0.2.1', port: 0, handler: () => {} }),
    /192\.0\.2\.1:0: this machine has no such address/,
  );
});

onBoth('localhost is 127.0.0.1, and ::1 where there is one', async (t, { fresh }) => {
  const listening = await fresh(neverAtFault).listen({
    host: 'localhost',
    port: 0,
    handler: (exchange) => exchange.reply(200, [], 'ok'),
  });
  t.after(() => listening.closeAll());
  assert.equal((await fetch(`http://127.0.0.1:${listening.port}`)).status, 200);
  assert.equal((await fetch(`http://localhost:${listening.port}`)).status, 200);
});

onBoth('IPv6 clients are told in the short form', async (t, { fresh }) => {
  const listening = await fresh(neverAtFault)
    .listen({ host: '::1', port: 0, handler: (exchange) => exchange.reply(200, [], exchange.client) })
    .catch(() => undefined);
  if (listening === undefined) return t.skip('this machine has no ::1');
  t.after(() => listening.closeAll());
  assert.equal(await (await fetch(`http://[::1]:${listening.port}`)).text(), '::1');
});

onBoth('a Unix socket is for its owner, replaces a stale one, and has no client address', async (t, { fresh }) => {
  const dir = mkdtempSync(join(tmpdir(), 'engine-'));
  t.after(() => rmSync(dir, { recursive: true }));
  const path = join(dir, 'sock');
  writeFileSync(path, 'stale');
  const umask = process.umask();
  const listening = await fresh(neverAtFault).listen({ path, handler: (exchange) => exchange.reply(200, [], `<${exchange.client}>`) });
  t.after(() => listening.closeAll());
  assert.deepEqual([listening.port, statSync(path).mode & 0o777, process.umask()], [0, 0o600, umask]);
  const client = new Client('http://localhost', { socketPath: path });
  t.after(() => client.close());
  assert.equal(await (await client.request({ path: '/', method: 'GET' })).body.text(), '<>');
});

onBoth('a Unix socket where none can be is refused with what to do', async (_, { fresh }) => {
  for (const path of ['/nowhere/at/all', `/tmp/${'x'.repeat(120)}`])
    await assert.rejects(fresh(neverAtFault).listen({ path, handler: () => {} }), /^Error: listen on the socket ".*": not possible \(/);
});
