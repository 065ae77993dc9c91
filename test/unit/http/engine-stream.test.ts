// Replies that come bit by bit: what the client sees, and when.
import assert from 'node:assert/strict';
import { request as fetchBy } from 'undici';
import type { Exchange } from '../../../src/http/engine.ts';
import { later, never, onBoth, raw, request } from './serving.ts';

onBoth('what is written arrives before more of it exists', async (t, { serve }) => {
  const begun = later<Exchange>();
  const { port } = await serve((exchange) => {
    exchange.begin(200, [['content-type', 'text/event-stream']], undefined);
    exchange.write(Buffer.from('data: 1\n\n'));
    begun.resolve(exchange);
  });
  const client = await raw(t, port);
  client.send(request('GET', '/'));
  const exchange = await begun.value;
  assert.match(
    await client.until('data: 1\n\n'),
    /^HTTP\/1\.1 200 OK\r\ncontent-type: text\/event-stream\r\n[\s\S]*transfer-encoding: chunked\r\n/i,
  );
  for (const n of [2, 3]) {
    exchange.write(Buffer.from(`data: ${n}\n\n`));
    await client.until(`data: ${n}\n\n`);
  }
  exchange.end();
  assert.match(await client.until('\r\n0\r\n\r\n'), /\r\n9\r\ndata: 1\n\n\r\n9\r\ndata: 2\n\n\r\n9\r\ndata: 3\n\n\r\n0\r\n\r\n$/);
});

onBoth('a streamed reply is whole, with and without a length, and leaves the connection usable', async (t, { serve }) => {
  const { port } = await serve((exchange) => {
    const length = exchange.path === '/length' ? 6 : undefined;
    exchange.begin(201, [['x-a', 'b']], length);
    exchange.write(Buffer.from('abc'));
    exchange.write(Buffer.alloc(0));
    setImmediate(() => {
      exchange.write(Buffer.from('def'));
      exchange.end();
    });
  });
  const client = await raw(t, port);
  client.send(request('GET', '/length'));
  assert.match(await client.until('def'), /^HTTP\/1\.1 201 Created\r\nx-a: b\r\n[\s\S]*content-length: 6\r\n[\s\S]*\r\nabcdef$/i);
  client.send(request('GET', '/chunks'));
  assert.match(await client.until('\r\n0\r\n\r\n'), /3\r\nabc\r\n3\r\ndef\r\n0\r\n\r\n$/);
  client.send(request('GET', '/length'));
  await client.until(/0\r\n\r\nHTTP\/1\.1 201[\s\S]*abcdef$/);
});

onBoth('a streamed reply of no bytes is whole', async (_, { serve }) => {
  const { url } = await serve((exchange) => {
    exchange.begin(200, [['x-a', 'b']], exchange.path === '/0' ? 0 : undefined);
    exchange.end();
  });
  for (const path of ['/0', '/unknown', '/0', '/unknown']) {
    const reply = await fetch(url + path);
    assert.deepEqual([reply.status, reply.headers.get('x-a'), await reply.text()], [200, 'b', '']);
  }
});

onBoth('HEAD, 204 and 304 drop what is written, and leave the connection usable', async (t, { serve }) => {
  const { port } = await serve((exchange) => {
    const [, status, length] = exchange.path.split('/');
    exchange.begin(Number(status), [], length === undefined ? undefined : Number(length));
    exchange.write(Buffer.from('written'));
    exchange.end();
  });
  const client = await raw(t, port);
  let heads = '';
  for (const [method, path] of [
    ['HEAD', '/200'],
    ['HEAD', '/200/7'],
    ['GET', '/204'],
    ['GET', '/304'],
    ['GET', '/304/7'],
  ] as const) {
    client.send(request(method, path));
    const more = await client.until(new RegExp(`^${heads.replace(/[^\w]/g, '\\$&')}HTTP[\\s\\S]*\\r\\n\\r\\n`));
    assert.equal(/content-length: 7/i.test(more.slice(heads.length)), path === '/200/7');
    heads = more;
  }
  assert.ok(!heads.includes('written'));
  client.send(request('GET', '/200/7'));
  await client.until('written');
});

onBoth('only one reply can be begun, and after its end nothing is sent', async (t, { serve }) => {
  const { port, faults } = await serve((exchange) => {
    exchange.write(Buffer.from('before'));
    exchange.end();
    exchange.begin(200, [], undefined);
    exchange.begin(500, [], undefined);
    exchange.reply(500, [], 'second');
    exchange.write(Buffer.from('one'));
    exchange.end();
    assert.equal(exchange.write(Buffer.from('after')), true);
    exchange.end();
    exchange.reply(500, [], 'third');
  });
  const client = await raw(t, port);
  client.send(request('GET', '/'));
  await client.until('0\r\n\r\n');
  client.send(request('GET', '/'));
  const all = await client.until(/one\r\n0\r\n\r\nHTTP[\s\S]*one\r\n0\r\n\r\n$/);
  assert.ok(!/before|second|after|third/.test(all));
  assert.deepEqual(faults, []);
});

onBoth('a head that cannot be written is refused, and another reply can be sent', async (_, { serve }) => {
  const { url } = await serve((exchange) => {
    assert.throws(() => exchange.begin(200, [['x-a', 'b\r\nc: d']], undefined), TypeError);
    assert.throws(() => exchange.begin(102, [], undefined), TypeError);
    exchange.reply(502, [], 'refused');
  });
  const reply = await fetch(url);
  assert.deepEqual([reply.status, await reply.text()], [502, 'refused']);
});

onBoth('a reply that is cut, or shorter or longer than its length, ends the connection without looking whole', async (t, { serve }) => {
  const { port, faults } = await serve((exchange) => {
    const what = exchange.path.slice(1);
    exchange.begin(200, [], what === 'cut' ? undefined : 6);
    exchange.write(Buffer.from('abc'));
    if (what === 'cut' || what === 'cut-short') exchange.destroy();
    else if (what === 'short') exchange.end();
    else if (what === 'long') exchange.write(Buffer.from('defg'));
    else throw new Error('of the handler');
    assert.equal(exchange.write(Buffer.from('def')), true);
    exchange.end();
  });
  for (const what of ['cut', 'cut-short', 'short', 'long', 'throw']) {
    const client = await raw(t, port);
    client.send(request('GET', `/${what}`));
    const all = await client.ended;
    assert.doesNotMatch(all, /abcd|\r\n0\r\n/, what);
  }
  assert.deepEqual(faults, [new RangeError('a reply of 6 bytes has more of them, cutting it'), new Error('of the handler')]);
});

onBoth('a client that goes away in the middle of a streamed reply is told of once, and writing on is harmless', async (t, { serve }) => {
  const aborted = later<Exchange>();
  let aborts = 0;
  const { port, faults } = await serve((exchange) => {
    exchange.onAbort = () => {
      aborts += 1;
      aborted.resolve(exchange);
    };
    exchange.begin(200, [], undefined);
    exchange.write(Buffer.from('some'));
  });
  const client = await raw(t, port);
  client.send(request('GET', '/'));
  await client.until('some');
  client.socket.destroy();
  const exchange = await aborted.value;
  for (let i = 0; i < 10; i += 1) exchange.write(Buffer.alloc(100_000));
  exchange.end();
  exchange.destroy();
  await new Promise(setImmediate);
  assert.deepEqual([aborts, faults], [1, []]);
});

onBoth('destroy and a complete reply are no abort', async (t, { serve }) => {
  const { port, url, listening } = await serve((exchange) => {
    exchange.onAbort = never;
    exchange.begin(200, [], undefined);
    exchange.write(Buffer.from('all of it'));
    if (exchange.path === '/cut') exchange.destroy();
    else exchange.end();
  });
  await (await fetchBy(url)).body.text();
  const client = await raw(t, port);
  client.send(request('GET', '/cut'));
  await client.ended;
  listening.closeAll();
});
