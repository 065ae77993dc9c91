// A request and its whole reply, the same on either engine.
import assert from 'node:assert/strict';

import { never, onBoth, raw, request, take } from './serving.ts';

const eightMb = Buffer.alloc(8 << 20, 'sock');

onBoth('an exchange has method, path and query as sent, and who sent it', async (t, { serve }) => {
  const { port } = await serve((exchange) => {
    exchange.reply(200, [], [exchange.method, exchange.path, exchange.query, exchange.client, 'end'].join(' '));
  });
  const client = await raw(t, port);
  for (const [target, told] of [
    ['/run/a%2Fb%2e?x=%20?y', '/run/a%2Fb%2e x=%20?y'],
    ['/?', '/ '],
    ['/a/../b//c', '/a/../b//c '],
  ] as const) {
    client.send(request('PROPFIND', target));
    await client.until(`PROPFIND ${told} 127.0.0.1 end`);
  }
});

onBoth('headers come in their order, with lower-case names, as Latin-1, the first one by its name', async (t, { serve }) => {
  const { port } = await serve((exchange) =>
    exchange.reply(200, [], JSON.stringify([exchange.header('x-a'), exchange.header('x-none'), exchange.headers()])),
  );
  const client = await raw(t, port);
  client.send(Buffer.from('GET / HTTP/1.1\r\nHost: test\r\nX-A: 1\r\nCookie:  caf\u00c3\u00a9! \r\nx-a: 2\r\nX-Empty:\r\n\r\n', 'latin1'));
  const reply = Buffer.from(await client.until(']]]'), 'latin1').toString();
  assert.deepEqual(JSON.parse(reply.slice(reply.indexOf('\r\n\r\n'))), [
    '1',
    '',
    [
      ['host', 'test'],
      ['x-a', '1'],
      ['cookie', 'caf\u00c3\u00a9!'],
      ['x-a', '2'],
      ['x-empty', ''],
    ],
  ]);
});

onBoth('headers are gone once the handler has returned, and asking for them then is harmless', async (_, { serve }) => {
  const { url } = await serve((exchange) => {
    setImmediate(() => exchange.reply(200, [], `[${exchange.header('x-in')}]`));
  });
  assert.equal(await (await fetch(url, { headers: { 'x-in': 'hello' } })).text(), '[]');
});

onBoth('a reply that comes later is sent', async (_, { serve }) => {
  const { url } = await serve((exchange) => {
    setImmediate(() => exchange.reply(201, [['content-type', 'text/plain']], 'late'));
  });
  const reply = await fetch(url);
  assert.deepEqual([reply.status, reply.headers.get('content-type'), await reply.text()], [201, 'text/plain', 'late']);
});

onBoth('only the first reply is sent', async (_, { serve }) => {
  const { url } = await serve((exchange) => {
    exchange.reply(200, [], 'first');
    exchange.reply(500, [], 'second');
    setImmediate(() => exchange.reply(500, [], 'third'));
  });
  for (let i = 0; i < 2; i += 1) assert.equal(await (await fetch(url)).text(), 'first');
});

onBoth('only the first reply is sent, also while it is still on its way', async (_, { serve }) => {
  const { url } = await serve((exchange) => {
    exchange.reply(200, [], eightMb);
    exchange.reply(500, [], 'second');
    take(exchange, 1, 1, never, never);
  });
  for (let i = 0; i < 2; i += 1) {
    const reply = await fetch(url);
    assert.ok(eightMb.equals(Buffer.from(await reply.arrayBuffer())));
  }
});

onBoth('HEAD tells the length, has no body, and leaves the connection usable', async (t, { serve }) => {
  const { port } = await serve((exchange) => exchange.reply(200, [], `body of ${exchange.path}`));
  const client = await raw(t, port);
  client.send(request('HEAD', '/a'));
  const head = await client.until('\r\n\r\n');
  assert.match(head, /\r\ncontent-length: 10\r\n/i);
  assert.equal(head.match(/content-length/gi)?.length, 1);
  client.send(request('GET', '/b'));
  assert.ok(!(await client.until('body of /b')).includes('body of /a'));
});

onBoth('the words for a status are as they are given, or the usual ones, and no way to write headers', async (t, { serve }) => {
  const { port, faults } = await serve((exchange) => {
    if (exchange.path !== '/') exchange.reason = decodeURIComponent(exchange.path.slice(1));
    exchange.reply(299, [], 'body');
  });
  const client = await raw(t, port);
  for (const [path, line] of [
    ['/', '299 Unknown'],
    ['/Made%20it', '299 Made it'],
    ['/a%0d%0ab:c', '500 Internal Server Error'],
  ] as const) {
    client.send(request('GET', path));
    await client.until(`HTTP/1.1 ${line}\r\n`);
  }
  assert.match(String(faults), /its reason has a character that HTTP does not allow there/);
});

onBoth('204 and 304 have neither body nor length, and leave the connection usable', async (t, { serve }) => {
  const { port } = await serve((exchange) => exchange.reply(Number(exchange.path.slice(1)), [], 'dropped'));
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

onBoth('a large reply reaches a slow reader whole, and leaves the connection usable', async (t, { serve }) => {
  const { port } = await serve((exchange) => exchange.reply(200, [], exchange.path === '/large' ? eightMb : 'small'));
  const client = await raw(t, port);
  client.socket.on('data', () => {
    client.socket.pause();
    setImmediate(() => client.socket.resume());
  });
  client.send(request('GET', '/large'));
  const start = (await client.until('\r\n\r\n')).indexOf('\r\n\r\n') + 4;
  const whole = await client.until((all) => all.length >= start + eightMb.length);
  assert.match(whole.slice(0, start), /content-length: 8388608\r\n/i);
  client.send(request('GET', '/small'));
  const all = await client.until('small');
  assert.equal(all.indexOf('HTTP/1.1', 10), start + eightMb.length);
  assert.ok(eightMb.equals(Buffer.from(all.slice(start, start + eightMb.length), 'latin1')));
});

onBoth('a header or status that would not mean what it says is refused, and nothing of it is sent', async (t, { serve }) => {
  const refused: unknown[] = [];
  const { port } = await serve((exchange) => {
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
  assert.match(await client.until('end'), /^HTTP\/1\.1 200 OK\r\nx-a: caf\u00e9\t!\r\n/);
  assert.deepEqual(refused, Array(11).fill('TypeError'));
});

onBoth('any final status has its line', async (t, { serve }) => {
  const { port } = await serve((exchange) => exchange.reply(Number(exchange.path.slice(1)), [], 'x'));
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

onBoth('`connection: close` of the handler ends the connection after the reply', async (t, { serve }) => {
  const { port } = await serve((exchange) => exchange.reply(200, [['connection', 'close']], 'bye'));
  const client = await raw(t, port);
  client.send(request('GET', '/'));
  const all = await client.ended;
  assert.match(all, /bye$/);
  assert.equal(all.match(/connection: close\r\n/gi)?.length, 1);
});

onBoth("the client's `connection: close` ends it too", async (t, { serve }) => {
  const { port } = await serve((exchange) => setImmediate(() => exchange.reply(200, [], 'bye')));
  const client = await raw(t, port);
  client.send(request('GET', '/', { connection: 'close' }));
  assert.match(await client.ended, /bye$/);
});

onBoth('a reply has a date, and nothing that tells what serves', async (_, { serve }) => {
  const { url } = await serve((exchange) => exchange.reply(200, [], 'ok'));
  const { headers } = await fetch(url);
  assert.match(headers.get('date') ?? '', /^\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT$/);
  assert.deepEqual(
    ['server', 'x-powered-by', 'uwebsockets'].map((name) => headers.get(name)),
    [null, null, null],
  );
});

onBoth('a header may come several times, and the file name of a download may have accents', async (t, { serve }) => {
  const { port } = await serve((exchange) => {
    exchange.reply(
      200,
      [
        ['set-cookie', 'a=1'],
        ['set-cookie', 'b=2'],
        ['content-disposition', 'attachment; filename="caf\u00e9"'],
      ],
      'end',
    );
  });
  const client = await raw(t, port);
  client.send(request('GET', '/'));
  assert.match(
    await client.until('end'),
    /set-cookie: a=1\r\nset-cookie: b=2\r\ncontent-disposition: attachment; filename="caf\u00e9"\r\n/,
  );
});
