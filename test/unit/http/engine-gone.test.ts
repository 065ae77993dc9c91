// Clients that go away, handlers that throw, requests that come too early.
import assert from 'node:assert/strict';
import type { Exchange } from '../../../src/http/engine.ts';
import { later, never, onBoth, raw, request, take } from './serving.ts';

const eightMb = Buffer.alloc(8 << 20, 'sock');
const fail = () => {
  throw new Error('of the reader');
};

onBoth('a client that goes away is told of once, and a reply after that is ignored', async (t, { serve }) => {
  const taken = later<Exchange>();
  const aborted = later<void>();
  let aborts = 0;
  const { port, faults } = await serve((exchange) => {
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
  take(exchange, 1, 1, never, never);
  assert.deepEqual([aborts, faults], [1, []]);
});

onBoth('a throw in onAbort is survived and told', async (t, { serve }) => {
  const aborted = later<void>();
  const { port, url, faults } = await serve((exchange) => {
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

onBoth('a client that goes away in the middle of a large reply is no abort, and nothing breaks', async (t, { serve }) => {
  const { port, url, faults } = await serve((exchange) => {
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

onBoth('a throw in the handler answers 500, and the server goes on', async (_, { serve }) => {
  const { url, faults } = await serve((exchange) => {
    if (exchange.path === '/throw') throw new Error('of the handler');
    exchange.reply(200, [], 'ok');
  });
  const reply = await fetch(`${url}/throw`);
  assert.deepEqual([reply.status, ((await reply.json()) as { error: { code: string } }).error.code], [500, 'internal']);
  assert.deepEqual(faults, [new Error('of the handler')]);
  assert.equal((await fetch(url)).status, 200);
});

onBoth('a throw when the body is here answers 500, and the server goes on', async (_, { serve }) => {
  const { url, faults } = await serve((exchange) => {
    take(exchange, 100, 100, fail, fail);
  });
  for (let i = 0; i < 2; i += 1) assert.equal((await fetch(url, { method: 'POST', body: 'x' })).status, 500);
  assert.equal(faults.length, 2);
});

onBoth('a throw when more of the body is here answers 500, or cuts the reply that was begun', async (t, { serve }) => {
  const { port, faults } = await serve((exchange) =>
    take(
      exchange,
      100,
      1,
      ({ rest }) => {
        if (exchange.path === '/begun') {
          exchange.begin(200, [], undefined);
          exchange.write(Buffer.from('begun'));
        } else exchange.write(Buffer.from('ignored'));
        rest?.read(fail);
        ready.shift()?.();
      },
      never,
    ),
  );
  const ready: (() => void)[] = [];
  for (const [path, replied] of [
    ['/none', /^HTTP\/1\.1 500 [\s\S]*"code":"internal"[^\n]*\n$/],
    ['/begun', /begun(\r\n)?$/],
  ] as const) {
    const client = await raw(t, port);
    const handed = new Promise<void>((resolve) => ready.push(resolve));
    client.send(request('POST', path, { 'content-length': 2 }), '1');
    await handed;
    client.send('2');
    if (path === '/none') await client.until(replied);
    else assert.match(await client.ended, replied);
  }
  assert.deepEqual(faults, [new Error('of the reader'), new Error('of the reader')]);
});

onBoth('a client that goes away while it sends its body aborts the exchange, and the body is never told', async (t, { serve }) => {
  for (const enough of [1, 100]) {
    const aborted = later<void>();
    const started = later<void>();
    const { port } = await serve((exchange) => {
      exchange.onAbort = aborted.resolve;
      take(
        exchange,
        100,
        enough,
        ({ rest }) => {
          assert.equal(enough, 1);
          rest?.read(never);
          started.resolve();
        },
        never,
      );
      if (enough === 100) started.resolve();
    });
    const client = await raw(t, port);
    client.send(request('POST', '/', { 'content-length': 10 }), 'half');
    await started.value;
    client.socket.destroy();
    await aborted.value;
  }
});

// Once, uWebSockets' engine took 10 s for it: nothing tells of a reset while the socket is paused.
onBoth('a client that goes away while its body waits and the reply is under way is told of at once', async (t, { serve }) => {
  const [begun, aborted] = [later<Exchange>(), later<string>()];
  const { port } = await serve((exchange) => {
    exchange.onAbort = () => aborted.resolve('aborted');
    take(exchange, eightMb.length, 1 << 18, () => begun.resolve(exchange), never);
  });
  const client = await raw(t, port);
  client.send(request('POST', '/', { 'content-length': eightMb.length }), eightMb.subarray(0, 1 << 20));
  const exchange = await begun.value;
  client.socket.destroy();
  exchange.begin(200, [], undefined);
  exchange.write(Buffer.alloc(1 << 18));
  const more = setInterval(() => exchange.write(Buffer.from('more')), 10); // a lambda that goes on
  const late = setTimeout(() => aborted.resolve('not within 5 s'), 5000);
  t.after(() => [more, late].forEach(clearTimeout));
  assert.equal(await aborted.value, 'aborted');
});

onBoth('a client that shuts down its sending side is taken for gone', async (t, { serve }) => {
  const taken = later<void>();
  const aborted = later<void>();
  const { port } = await serve((exchange) => {
    if (exchange.path === '/now') return exchange.reply(200, [], 'replied');
    exchange.onAbort = aborted.resolve;
    taken.resolve();
  });
  const client = await raw(t, port);
  client.send(request('GET', '/later'));
  await taken.value;
  client.socket.end();
  await aborted.value;
  assert.equal(await client.ended, '');

  const quick = await raw(t, port);
  quick.socket.end(request('GET', '/now'));
  assert.match(await quick.ended, /replied$/); // what is answered at once is answered
});

onBoth('pipelined requests that are answered at once are answered in order', async (t, { serve }) => {
  const { port } = await serve((exchange) =>
    take(exchange, 10, 10, ({ first }) => exchange.reply(200, [], `<${exchange.path}${first}>`), never),
  );
  const client = await raw(t, port);
  const paths = Array.from({ length: 200 }, (_, i) => `/${i}`);
  client.send(paths.map((path) => `${request('POST', path, { 'content-length': 1 })}b`).join(''));
  const all = await client.until('</199b>');
  assert.deepEqual(
    all.match(/<[^>]*>/g),
    paths.map((path) => `<${path}b>`),
  );
});

onBoth('a request behind one that is not answered yet waits for its turn, or ends the connection', async (t, { serve, engine }) => {
  const taken: Exchange[] = [];
  const arrived = later<void>();
  const aborted = later<void>();
  const { port, url } = await serve((exchange) => {
    if (exchange.path === '/ok') return exchange.reply(200, [], 'ok');
    exchange.onAbort = aborted.resolve;
    taken.push(exchange);
    arrived.resolve();
    if (taken.length > 1) exchange.reply(200, [], exchange.path);
  });
  const client = await raw(t, port);
  client.send(request('GET', '/first') + request('GET', '/second') + request('GET', '/third'));
  await arrived.value;
  assert.equal((await fetch(`${url}/ok`)).status, 200);
  assert.equal(taken.length, 1);
  if (engine === 'uws') {
    await aborted.value;
    assert.equal(await client.ended, '');
    taken[0]?.reply(200, [], 'too late');
  } else {
    taken[0]?.reply(200, [], '/first');
    const all = await client.until('/third');
    assert.deepEqual(all.match(/\/(first|second|third)/g), ['/first', '/second', '/third']);
  }
});

onBoth('what follows a request that ends its connection is not answered, nor handled', async (t, { serve, engine }) => {
  if (engine === 'uws') return t.skip('uWebSockets.js goes on with what it has received');
  const paths: string[] = [];
  const { port } = await serve((exchange) => {
    paths.push(exchange.path);
    exchange.reply(200, [['connection', 'close']], 'the last');
  });
  const client = await raw(t, port);
  client.send(request('GET', '/first') + request('POST', '/second', { 'content-length': 0 }));
  assert.equal((await client.ended).match(/the last/g)?.length, 1);
  assert.deepEqual(paths, ['/first']);
});

onBoth('somebody with thousands of requests in a row is cut off', async (t, { serve }) => {
  const { port, url } = await serve((exchange) => {
    if (exchange.path === '/ok') exchange.reply(200, [], 'ok');
  });
  const client = await raw(t, port);
  client.send(request('GET', '/').repeat(5000));
  await client.ended;
  assert.equal((await fetch(`${url}/ok`)).status, 200);
});
