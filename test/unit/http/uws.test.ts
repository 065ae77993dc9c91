import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import { test } from 'node:test';
import { Agent, request as fetchBy } from 'undici';
import type { Exchange } from '../../../src/http/engine.ts';
import { uwsEngine } from '../../../src/http/uws.ts';
import { later, raw, request, serve } from './serving.ts';

const neverAtFault = (cause: unknown) => assert.fail(String(cause));
const eightMb = Buffer.alloc(8 << 20, 'sock');

test('an exchange has method, path as sent, and headers', async (t) => {
  const { port } = await serve(t, (exchange) => {
    exchange.reply(200, [['x-echo', exchange.header('x-in')]], `${exchange.method} ${exchange.path}`);
  });
  const client = await raw(t, port);
  client.send(request('PROPFIND', '/run/a%2Fb%2e?x=%20', { 'X-In': 'hello' }));
  const reply = await client.until('PROPFIND /run/a%2Fb%2e');
  assert.match(reply, /^HTTP\/1\.1 200 OK\r\nx-echo: hello\r\n/);
  assert.ok(!reply.includes('?x='));
});

test('headers are gone once the handler has returned, and asking for them then is harmless', async (t) => {
  const { url } = await serve(t, (exchange) => {
    setImmediate(() => exchange.reply(200, [], `[${exchange.header('x-in')}]`));
  });
  assert.equal(await (await fetch(url, { headers: { 'x-in': 'hello' } })).text(), '[]');
});

test('a reply that comes later is sent', async (t) => {
  const { url } = await serve(t, (exchange) => {
    setImmediate(() => exchange.reply(201, [['content-type', 'text/plain']], 'late'));
  });
  const reply = await fetch(url);
  assert.deepEqual([reply.status, reply.headers.get('content-type'), await reply.text()], [201, 'text/plain', 'late']);
});

test('a throw in the handler answers 500, and the server goes on', async (t) => {
  const { url, faults } = await serve(t, (exchange) => {
    if (exchange.path === '/throw') throw new Error('of the handler');
    exchange.reply(200, [], 'ok');
  });
  const reply = await fetch(`${url}/throw`);
  assert.deepEqual([reply.status, await reply.text()], [500, 'internal error\n']);
  assert.deepEqual(faults, [new Error('of the handler')]);
  assert.equal((await fetch(url)).status, 200);
});

test('a throw when the body is here answers 500, and the server goes on', async (t) => {
  const { url, faults } = await serve(t, (exchange) => {
    exchange.readBody(100, () => {
      throw new Error('of the reader');
    });
  });
  for (let i = 0; i < 2; i += 1) assert.equal((await fetch(url, { method: 'POST', body: 'x' })).status, 500);
  assert.equal(faults.length, 2);
});

test('only the first reply is sent', async (t) => {
  const { url } = await serve(t, (exchange) => {
    exchange.reply(200, [], 'first');
    exchange.reply(500, [], 'second');
    setImmediate(() => exchange.reply(500, [], 'third'));
  });
  for (let i = 0; i < 2; i += 1) assert.equal(await (await fetch(url)).text(), 'first');
});

test('only the first reply is sent, also while it is still on its way', async (t) => {
  const { url } = await serve(t, (exchange) => {
    exchange.reply(200, [], eightMb);
    exchange.reply(500, [], 'second');
    exchange.readBody(1, () => assert.fail('it was answered'));
  });
  for (let i = 0; i < 2; i += 1) {
    const reply = await fetch(url);
    assert.ok(eightMb.equals(Buffer.from(await reply.arrayBuffer())));
  }
});

test('a client that goes away is told of once, and a reply after that is ignored', async (t) => {
  const taken = later<Exchange>();
  const aborted = later<void>();
  let aborts = 0;
  const { port, faults } = await serve(t, (exchange) => {
    exchange.onAbort = () => {
      aborts += 1;
      aborted.resolve();
    };
    taken.resolve(exchange);
  });
  const client = await raw(t, port);
  client.send(request('GET', '/'));
  const exchange = await taken.value;
  client.socket.destroy();
  await aborted.value;
  exchange.reply(200, [], 'too late');
  exchange.reply(200, [], eightMb);
  exchange.readBody(1, () => assert.fail('nobody is there'));
  assert.deepEqual([aborts, faults], [1, []]);
});

test('a throw in onAbort is survived and told', async (t) => {
  const aborted = later<void>();
  const { port, url, faults } = await serve(t, (exchange) => {
    if (exchange.path === '/ok') return exchange.reply(200, [], 'ok');
    exchange.onAbort = () => {
      aborted.resolve();
      throw new Error('of the abort');
    };
    client.socket.destroy();
  });
  const client = await raw(t, port);
  client.send(request('GET', '/'));
  await aborted.value;
  assert.equal((await fetch(`${url}/ok`)).status, 200);
  assert.deepEqual(faults, [new Error('of the abort')]);
});

test('HEAD tells the length, has no body, and leaves the connection usable', async (t) => {
  const { port } = await serve(t, (exchange) => exchange.reply(200, [], `body of ${exchange.path}`));
  const client = await raw(t, port);
  client.send(request('HEAD', '/a'));
  const head = await client.until('\r\n\r\n');
  assert.match(head, /\r\ncontent-length: 10\r\n/i);
  assert.equal(head.match(/content-length/gi)?.length, 1);
  client.send(request('GET', '/b'));
  assert.ok(!(await client.until('body of /b')).includes('body of /a'));
});

test('204 and 304 have neither body nor length, and leave the connection usable', async (t) => {
  const { port } = await serve(t, (exchange) => exchange.reply(Number(exchange.path.slice(1)), [], 'dropped'));
  const client = await raw(t, port);
  client.send(request('GET', '/204'));
  await client.until('\r\n\r\n');
  client.send(request('GET', '/304'));
  const two = await client.until(/304[\s\S]*\r\n\r\n/);
  assert.match(two, /^HTTP\/1\.1 204 No Content\r\n/);
  assert.ok(!/content-length|dropped/i.test(two));
  client.send(request('GET', '/200'));
  await client.until('dropped');
});

test('a large reply reaches a slow reader whole, and leaves the connection usable', async (t) => {
  const { port } = await serve(t, (exchange) => exchange.reply(200, [], exchange.path === '/large' ? eightMb : 'small'));
  const client = await raw(t, port);
  client.socket.pause();
  client.send(request('GET', '/large'));
  let reads = 0;
  client.socket.on('data', () => {
    reads += 1;
    if (reads % 20 === 0) {
      client.socket.pause();
      setImmediate(() => client.socket.resume());
    }
  });
  client.socket.resume();
  const whole = await client.until(/(sock){32}$/);
  const start = whole.indexOf('\r\n\r\n') + 4;
  assert.match(whole.slice(0, start), /content-length: 8388608\r\n/i);
  while (client.socket.bytesRead < start + eightMb.length) await client.until(/$/);
  client.send(request('GET', '/small'));
  const all = await client.until('small');
  assert.equal(all.indexOf('HTTP/1.1', 10), start + eightMb.length);
  assert.ok(eightMb.equals(Buffer.from(all.slice(start, start + eightMb.length), 'latin1')));
});

test('a large reply is not copied while its reader does not read', async (t) => {
  const large = Buffer.alloc(64 << 20, 'sock');
  const { port } = await serve(t, (exchange) => exchange.reply(200, [], large));
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

test('a client that goes away in the middle of a large reply is no abort, and nothing breaks', async (t) => {
  const { port, url, faults } = await serve(t, (exchange) => {
    if (exchange.path === '/ok') return exchange.reply(200, [], 'ok');
    exchange.onAbort = () => assert.fail('the reply was sent');
    exchange.reply(200, [], eightMb);
  });
  const client = await raw(t, port);
  client.send(request('GET', '/'));
  await client.until('\r\n\r\n');
  client.socket.destroy();
  assert.equal((await fetch(`${url}/ok`)).status, 200);
  assert.deepEqual(faults, []);
});

test('a second request behind an unanswered one ends the connection, aborts the first, and nothing else', async (t) => {
  const aborted = later<void>();
  const taken: Exchange[] = [];
  const { port, url } = await serve(t, (exchange) => {
    if (exchange.path === '/ok') return exchange.reply(200, [], 'ok');
    taken.push(exchange);
    exchange.onAbort = aborted.resolve;
  });
  const client = await raw(t, port);
  client.send(request('GET', '/first') + request('GET', '/second'));
  await aborted.value;
  assert.equal(await client.ended, '');
  for (const exchange of taken) exchange.reply(200, [], 'too late');
  assert.equal(taken.length, 1);
  assert.equal((await fetch(`${url}/ok`)).status, 200);
});

test('pipelined requests that are answered at once are answered in order', async (t) => {
  const { port } = await serve(t, (exchange) => exchange.readBody(10, (body) => exchange.reply(200, [], `<${exchange.path}${body}>`)));
  const client = await raw(t, port);
  client.send(`${request('POST', '/a', { 'content-length': 1 })}1${request('POST', '/b', { 'content-length': 1 })}2`);
  assert.match(await client.until('</b2>'), /<\/a1>[\s\S]*<\/b2>/);
});

test('a header or status that would not mean what it says is refused, and nothing of it is sent', async (t) => {
  const refused: unknown[] = [];
  const { port } = await serve(t, (exchange) => {
    const bad: readonly (readonly [number, string, string])[] = [
      [200, 'x-a', 'b\r\nset-cookie: c'],
      [200, 'x-a', 'b\n\nc'],
      [200, 'x-a: b\r\nc', 'd'],
      [200, 'x a', 'b'],
      [200, '', 'b'],
      [200, 'x-a', 'b\0'],
      [200, 'x-a', '\u{1f9e6}'],
      [100, 'x-a', 'b'],
      [600, 'x-a', 'b'],
      [200.5, 'x-a', 'b'],
      [Number.NaN, 'x-a', 'b'],
    ];
    for (const [status, name, value] of bad) {
      try {
        exchange.reply(status, [[name, value]], '');
        refused.push('sent');
      } catch (cause) {
        refused.push((cause as Error).name);
      }
    }
    exchange.reply(200, [['x-a', 'caf\u00e9\t!']], 'end');
  });
  const client = await raw(t, port);
  client.send(request('GET', '/'));
  assert.match(await client.until('end'), /^HTTP\/1\.1 200 OK\r\nx-a: caf\u00e9\t!\r\nDate: [^\r]*\r\nContent-Length: 3\r\n\r\nend$/);
  assert.deepEqual(refused, Array(11).fill('TypeError'));
});

test('any final status has its line', async (t) => {
  const { port } = await serve(t, (exchange) => exchange.reply(Number(exchange.path.slice(1)), [], 'x'));
  const client = await raw(t, port);
  for (const [status, text] of [
    [200, 'OK'],
    [299, 'Unknown'],
    [418, "I'm a Teapot"],
    [599, 'Unknown'],
  ] as const) {
    client.send(request('GET', `/${status}`));
    await client.until(`HTTP/1.1 ${status} ${text}\r\n`);
  }
});

test('`connection: close` of the handler ends the connection after the reply', async (t) => {
  const { port } = await serve(t, (exchange) => exchange.reply(200, [['connection', 'close']], 'bye'));
  const client = await raw(t, port);
  client.send(request('GET', '/'));
  const all = await client.ended;
  assert.match(all, /bye$/);
  assert.equal(all.match(/connection: close\r\n/gi)?.length, 1);
});

test("the client's `connection: close` ends it too", async (t) => {
  const { port } = await serve(t, (exchange) => setImmediate(() => exchange.reply(200, [], 'bye')));
  const client = await raw(t, port);
  client.send(request('GET', '/', { connection: 'close' }));
  assert.match(await client.ended, /bye$/);
});

test('after stopAccepting open connections get their reply and end, new ones are refused', async (t) => {
  const taken = later<Exchange>();
  const { port, url, listening } = await serve(t, (exchange) =>
    exchange.path === '/slow' ? taken.resolve(exchange) : exchange.reply(200, [], 'ok'),
  );
  const client = await raw(t, port);
  client.send(request('GET', '/slow'));
  const exchange = await taken.value;
  const idle = await raw(t, port);
  listening.stopAccepting();
  listening.stopAccepting();
  await assert.rejects(fetch(url));
  exchange.reply(200, [], 'the last');
  assert.match(await client.ended, /connection: close\r\n[\s\S]*the last$/i);
  idle.send(request('GET', '/'));
  assert.match(await idle.ended, /ok$/);
});

test('closeAll aborts what is open and ends every connection', async (t) => {
  const taken = later<void>();
  let aborted = 0;
  const { port, listening } = await serve(t, (exchange) => {
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

test('a port that is taken is refused with what to do, whoever holds it', async (t) => {
  const engine = uwsEngine(neverAtFault);
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

test('a host that is none of this machine is refused with what to do', async () => {
  await assert.rejects(
    uwsEngine(neverAtFault).listen({ host: '192.0.2.1', port: 0, handler: () => {} }),
    /192\.0\.2\.1:0: this machine has no such address/,
  );
});

test('localhost is 127.0.0.1, and ::1 where there is one', async (t) => {
  const listening = await uwsEngine(neverAtFault).listen({
    host: 'localhost',
    port: 0,
    handler: (exchange) => exchange.reply(200, [], 'ok'),
  });
  t.after(() => listening.closeAll());
  assert.equal((await fetch(`http://127.0.0.1:${listening.port}`)).status, 200);
  assert.equal((await fetch(`http://localhost:${listening.port}`)).status, 200);
});

test('ten thousand requests leave no memory behind', async (t) => {
  const { url } = await serve(t, (exchange) => {
    exchange.readBody(100_000, (body) => setImmediate(() => exchange.reply(200, [['x-a', 'b']], body ?? '')));
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
  assert.ok(grown < 40, `grown by ${grown} MB; kept bodies would be 200`);
});
