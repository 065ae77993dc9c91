// The worker's own paths over real connections: methods, encodings, bodies, streams, and what becomes of an answerer that fails.
import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { type TestContext, test } from 'node:test';
import { WorkerError } from '../../../src/errors.ts';
import type { Via } from '../../../src/http/admin/access.ts';
import { Paths } from '../../../src/http/admin/paths.ts';
import type { Asked, Route } from '../../../src/http/admin/route.ts';
import { chooseEngine } from '../../../src/http/engines.ts';
import { chunk, later, raw, request, serve } from './serving.ts';

const asker = { requestId: 'r1', accept: '' };

async function servePaths(
  t: TestContext,
  routes: readonly Route[],
  { access = undefined as WorkerError | undefined, via = 'tcp' as Via, silenceMs = 30_000 } = {},
) {
  const told: WorkerError[] = [];
  const paths = new Paths({ routes, access: () => access, onFault: (error) => told.push(error) });
  const serving = await serve(
    t,
    (exchange) => {
      if (!paths.serve(exchange, asker, via)) exchange.reply(404, [], 'none of them');
    },
    (fault) => chooseEngine(fault, { silenceMs }),
  );
  return { ...serving, told };
}

const named = ({ name }: Asked) => ({ body: `<${name}>` });

test('a path is found by its segments, each decoded once; what stands for <…> is handed on', async (t) => {
  const { port } = await servePaths(t, [
    { path: '/things/', who: 'anyone', GET: () => ({ body: 'all' }) },
    { path: '/things/<name>', who: 'anyone', GET: named },
    { path: '/things/<name>/config', who: 'anyone', GET: ({ name }) => ({ body: `config of ${name}` }) },
  ]);
  for (const [path, body] of [
    ['/things/', 'all'],
    ['/thing%73/', 'all'],
    ['/things/a', '<a>'],
    ['/things/a%2Fb', '<a/b>'],
    ['/things/%2561', '<%61>'],
    ['/things/a/config', 'config of a'],
    ['/things//config', 'none of them'],
    ['/things/a/config/', 'none of them'],
    ['/things', 'none of them'],
    ['/things%2Fa', 'none of them'],
    ['/things/%zz', 'none of them'],
    ['/things/%ff', 'none of them'],
    ['/Things/', 'none of them'],
    ['/', 'none of them'],
  ] as const) {
    const client = await raw(t, port);
    client.send(request('GET', path));
    const reply = await client.until(/\r\n\r\n.+$/);
    assert.equal(reply.slice(reply.indexOf('\r\n\r\n') + 4), body, path);
  }
});

test('HEAD is wherever GET is, OPTIONS tells the methods, every other method is 405 with Allow', async (t) => {
  const { url } = await servePaths(t, [
    { path: '/a', who: 'anyone', GET: () => ({ body: 'four', headers: [['x-own', '1']] }), DELETE: () => ({ status: 204, body: '' }) },
    { path: '/b', who: 'anyone', POST: () => ({ body: 'b' }) },
  ]);
  const head = await fetch(`${url}/a`, { method: 'HEAD' });
  assert.deepEqual([head.status, head.headers.get('content-length'), head.headers.get('x-own')], [200, '4', '1']);
  const options = await fetch(`${url}/a`, { method: 'OPTIONS' });
  assert.deepEqual([options.status, options.headers.get('allow')], [204, 'GET, HEAD, DELETE']);
  assert.equal(options.headers.get('access-control-allow-origin'), null);
  const put = await fetch(`${url}/a`, { method: 'PUT', body: 'x' });
  assert.deepEqual([put.status, put.headers.get('allow')], [405, 'GET, HEAD, DELETE']);
  assert.equal(await put.text(), 'HTTP method not allowed. Sent: PUT, Allowed: [GET HEAD DELETE]\n');
  for (const method of ['GET', 'HEAD']) assert.equal((await fetch(`${url}/b`, { method })).status, 405);
});

test('who may not is told so before the answerer or the body is looked at', async (t) => {
  const routes: readonly Route[] = [
    { path: '/open', who: 'anyone', GET: () => ({ body: 'open' }) },
    { path: '/admin/<name>', who: 'admin', GET: () => assert.fail('asked'), POST: () => assert.fail('asked') },
    { path: '/here', who: 'socket', GET: () => ({ body: 'here' }) },
  ];
  const { url } = await servePaths(t, routes, { access: new WorkerError('admin-token') });
  assert.equal((await fetch(`${url}/open`)).status, 200);
  for (const init of [{}, { method: 'POST', body: 'x'.repeat(100_000) }]) {
    const refused = await fetch(`${url}/admin/echo`, init);
    assert.deepEqual([refused.status, refused.headers.get('www-authenticate')], [401, 'Bearer realm="worker"']);
    assert.match(await refused.text(), /"code":"admin-token","message":"this path needs the worker's admin_token/);
  }
  assert.equal((await fetch(`${url}/here`)).status, 404);
  const overSocket = await servePaths(t, routes, { via: 'socket' });
  assert.equal(await (await fetch(`${overSocket.url}/here`)).text(), 'here');
});

test('what an answerer throws is told from the table, and to the log when it is the fault of the worker', async (t) => {
  const cause = new Error('a bug');
  const { url, told } = await servePaths(t, [
    {
      path: '/a',
      who: 'anyone',
      GET: () => {
        throw cause;
      },
      POST: () => Promise.reject(new WorkerError('lambda-unknown')),
    },
  ]);
  assert.equal((await fetch(`${url}/a`)).status, 500);
  assert.equal((await fetch(`${url}/a`, { method: 'POST' })).status, 404);
  assert.deepEqual(
    told.map((error) => error.cause),
    [cause],
  );
});

test('a body comes as a stream, whole or in chunks, slowly read or not at all', async (t) => {
  const { url } = await servePaths(t, [
    { path: '/a', who: 'anyone', PUT: async ({ body }) => ({ body: `${(await text(body(1 << 20))).length}` }) },
    {
      path: '/b',
      who: 'anyone',
      PUT: ({ body }) => {
        body(10);
        return { body: 'unread' };
      },
    },
  ]);
  for (const size of [0, 1, 1000, 1 << 20]) {
    assert.equal(await (await fetch(`${url}/a`, { method: 'PUT', body: 'x'.repeat(size) })).text(), `${size}`);
    const chunked = Readable.from(
      (function* () {
        for (let left = size; left > 0; left -= 70_000) yield Buffer.alloc(Math.min(left, 70_000), 'x');
      })(),
    );
    const reply = await fetch(`${url}/a`, {
      method: 'PUT',
      body: Readable.toWeb(chunked) as ReadableStream,
      duplex: 'half',
    } as RequestInit);
    assert.equal(await reply.text(), `${size}`);
  }
  const over = await fetch(`${url}/a`, { method: 'PUT', body: 'x'.repeat((1 << 20) + 1) });
  assert.deepEqual([over.status, /"code":"body-too-large"/.test(await over.text())], [413, true]);
  assert.equal(await (await fetch(`${url}/b`, { method: 'PUT', body: 'x' })).text(), 'unread');
});

test('an upload that grows over its limit without telling its length is 413, one that stops coming 408', async (t) => {
  const { port, told } = await servePaths(t, [{ path: '/a', who: 'admin', POST: async ({ body }) => ({ body: await text(body(10)) }) }], {
    silenceMs: 40,
  });
  for (const [parts, expected] of [
    [[chunk('12345'), chunk('67890'), chunk('')], /^HTTP\/1\.1 200 [\s\S]*1234567890$/],
    [[chunk('12345'), chunk('678901')], /^HTTP\/1\.1 413 [\s\S]*connection: close[\s\S]*"the request body is over the limit: 10 bytes"/i],
    [[chunk('12345')], /^HTTP\/1\.1 408 [\s\S]*connection: close[\s\S]*"code":"body-late"/i],
  ] as const) {
    const client = await raw(t, port);
    client.send(request('POST', '/a', { 'transfer-encoding': 'chunked' }), ...parts);
    await client.until(expected);
  }
  assert.deepEqual(told, []);
});

test('a body whose client goes away is destroyed', async (t) => {
  const ended = later<Error>();
  const begun = later<void>();
  const { port } = await servePaths(t, [
    {
      path: '/a',
      who: 'anyone',
      POST: ({ body }) => {
        const stream = body(1 << 20);
        stream.once('data', () => begun.resolve());
        return new Promise((_, reject) =>
          stream.once('error', (error) => {
            ended.resolve(error);
            reject(error);
          }),
        );
      },
    },
  ]);
  const client = await raw(t, port);
  client.send(request('POST', '/a', { 'content-length': 100 }), 'half');
  await begun.value;
  client.socket.destroy();
  assert.equal(((await ended.value) as WorkerError).code, 'client-gone');
});

test('a stream is sent as fast as the client takes it, and closed when it is gone', async (t) => {
  let made = 0;
  const closed = later<number>();
  async function* endless(): AsyncGenerator<Buffer> {
    try {
      for (;;) {
        made += 1;
        yield Buffer.alloc(1 << 20);
      }
    } finally {
      closed.resolve(made);
    }
  }
  const { port } = await servePaths(t, [{ path: '/a', who: 'anyone', GET: () => ({ body: endless() }) }]);
  const client = await raw(t, port);
  client.socket.pause();
  client.send(request('GET', '/a'));
  // The server answers on another connection while the first one is not read: its loop is free, and little was made.
  const other = await raw(t, port);
  other.send(request('OPTIONS', '/a'));
  await other.until('GET, HEAD');
  assert.ok(made < 64, `${made} MB for a client that reads nothing`);
  client.socket.destroy();
  assert.ok((await closed.value) < 64);
});

test('a stream is whole with its length or without, closed unread for HEAD, and cut when it breaks', async (t) => {
  let closed = later<void>();
  const parts = () => Readable.from(['one', 'two']).once('close', () => closed.resolve());
  async function* broken(): AsyncGenerator<string> {
    yield 'half';
    throw new Error('disk');
  }
  const { url, told } = await servePaths(t, [
    { path: '/a', who: 'anyone', GET: () => ({ body: parts() }) },
    { path: '/b', who: 'anyone', GET: () => ({ body: parts(), length: 6, status: 201 }) },
    { path: '/c', who: 'anyone', GET: () => ({ body: broken() }) },
  ]);
  assert.equal(await (await fetch(`${url}/a`)).text(), 'onetwo');
  const b = await fetch(`${url}/b`);
  assert.deepEqual([b.status, b.headers.get('content-length'), await b.text()], [201, '6', 'onetwo']);
  await closed.value;
  closed = later();
  const head = await fetch(`${url}/b`, { method: 'HEAD' });
  assert.deepEqual([head.status, head.headers.get('content-length')], [201, '6']);
  await closed.value;
  await assert.rejects(fetch(`${url}/c`).then((reply) => reply.text()));
  assert.equal(told.length, 1);
});
