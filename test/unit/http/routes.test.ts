import assert from 'node:assert/strict';
import { test } from 'node:test';
import { WorkerError } from '../../../src/errors.ts';
import type { Call, Reply } from '../../../src/lambda/call.ts';
import { answered, later, raw, request, serveRoutes } from './serving.ts';

const never = () => assert.fail('no lambda should hear of this');

async function errorOf(reply: Response): Promise<{ code: string; message: string; requestId: string }> {
  return ((await reply.json()) as { error: { code: string; message: string; requestId: string } }).error;
}

test('an invocation goes down with its name and bytes, and its reply comes back', async (t) => {
  const calls: Call[] = [];
  const { url } = await serveRoutes(t, (call) => {
    calls.push(call);
    call.phases.mark('handler');
    call.settle(
      answered({
        status: 201,
        headers: [
          ['content-type', 'application/json'],
          ['x-own', 'kept'],
        ],
        body: call.body.first,
      }),
    );
  });
  const reply = await fetch(`${url}/runLambda/echo`, { method: 'POST', body: '{"a": 1}' });
  assert.deepEqual([reply.status, await reply.text()], [201, '{"a": 1}']);
  assert.deepEqual(
    ['content-type', 'x-own', 'x-start-class'].map((name) => reply.headers.get(name)),
    ['application/json', 'kept', 'warm'],
  );
  assert.equal(reply.headers.get('x-request-id'), calls[0]?.head.id);
  assert.match(reply.headers.get('server-timing') ?? '', /^receive;dur=[\d.]+, handler;dur=[\d.]+, reply;dur=[\d.]+$/);
  assert.deepEqual([calls[0]?.lambda, calls[0]?.force, calls.length], ['echo', undefined, 1]);
});

test('any method invokes on /run, with or without a body, rest and query', async (t) => {
  const { url } = await serveRoutes(t, (call) => call.settle(answered({ body: Buffer.from(`${call.lambda}:${call.body.first.length}`) })));
  for (const method of ['GET', 'PUT', 'DELETE', 'PATCH', 'OPTIONS']) {
    assert.equal(await (await fetch(`${url}/run/a.b/rest?x=1`, { method })).text(), 'a.b:0');
  }
  assert.equal((await fetch(`${url}/run/a`, { method: 'HEAD' })).headers.get('content-length'), '3');
});

test('a lambda may answer HEAD as it would GET, or by the length alone', async (t) => {
  const length = async (reply: Partial<Reply>): Promise<string | null> => {
    const { url } = await serveRoutes(t, (call) => call.settle(answered(reply)));
    return (await fetch(`${url}/run/a`, { method: 'HEAD' })).headers.get('content-length');
  };
  const headers = [['content-length', '7']] as const;
  assert.deepEqual([await length({ headers, body: Buffer.from('whole') }), await length({ headers }), await length({})], ['5', '7', '0']);
});

test('/runLambda takes POST only', async (t) => {
  const { url } = await serveRoutes(t, never);
  const reply = await fetch(`${url}/runLambda/echo`, { method: 'PUT', body: 'x' });
  assert.deepEqual([reply.status, reply.headers.get('allow')], [405, 'POST']);
  assert.equal(await reply.text(), 'HTTP method not allowed. Sent: PUT, Allowed: [POST]\n');
  assert.ok(reply.headers.get('x-request-id'));
});

test('what is no path or no name is 404, whatever its encoding', async (t) => {
  const { port } = await serveRoutes(t, never);
  for (const path of ['/', '/runs/a', '/run/', '/run/%2e%2e', '/run/a%2fb', '/run/%', '/run/../x', '/runLambda/a/b']) {
    const client = await raw(t, port);
    client.send(request('POST', path, { 'content-length': 0 }));
    assert.match(await client.until('}}'), /^HTTP\/1\.1 404 Not Found\r\nx-request-id: [\s\S]*"code":"(path-unknown|lambda-name)"/);
  }
});

test('a usable request id is taken over, any other is replaced', async (t) => {
  const { url } = await serveRoutes(t, (call) => call.settle(answered({ body: Buffer.from(call.head.id) })));
  const idFor = async (sent: string) => (await fetch(`${url}/run/a`, { headers: { 'x-request-id': sent } })).headers.get('x-request-id');
  for (const usable of ['a', 'trace/1:2', '~'.repeat(128)]) assert.equal(await idFor(usable), usable);
  const made = await Promise.all(['', 'a b', '\u00e9', 'x'.repeat(129)].map(idFor));
  for (const id of made) assert.match(id ?? '', /^[0-9a-f]{12}-[0-9a-z]+$/);
  assert.equal(new Set(made).size, made.length);
});

test('X-Force-Start is heeded, refused when unknown, refused when switched off', async (t) => {
  const { url } = await serveRoutes(t, (call) => call.settle(answered({ body: Buffer.from(String(call.force)) })));
  const ask = (where: string, start: string) => fetch(`${where}/run/a`, { headers: { 'x-force-start': start } });
  assert.equal(await (await ask(url, 'forked')).text(), 'forked');
  const unknown = await ask(url, 'lukewarm');
  assert.deepEqual([unknown.status, (await errorOf(unknown)).code], [400, 'force-start']);
  const off = await serveRoutes(t, never, { forceStart: false });
  const refused = await ask(off.url, 'warm');
  assert.deepEqual([refused.status, (await errorOf(refused)).code], [403, 'force-start-off']);
});

test("a failure is told with its status, start class and phases; what is this worker's fault is logged once", async (t) => {
  const cause = new Error('of the kernel');
  const { url, logged } = await serveRoutes(t, (call) => {
    const error =
      call.lambda === 'mine' ? new WorkerError('handler-raised', { detail: 'Traceback' }) : new WorkerError('sandbox-died', { cause });
    call.settle({ at: 'failed', error, start: 'forked' });
  });
  const died = await fetch(`${url}/run/yours`, { headers: { 'x-request-id': 'r1' } });
  assert.deepEqual([died.status, died.headers.get('x-start-class')], [502, 'forked']);
  assert.match(died.headers.get('server-timing') ?? '', /reply;dur=/);
  assert.deepEqual(await errorOf(died), { code: 'sandbox-died', message: 'the sandbox ended before it answered', requestId: 'r1' });
  const [{ phases, ...entry } = assert.fail('nothing is logged')] = logged;
  const where = { requestId: 'r1', lambda: 'yours', sandbox: undefined, start: 'forked' };
  assert.deepEqual(entry, { level: 'warn', message: 'the sandbox ended before it answered', ...where, cause });
  assert.deepEqual(phases.names, ['receive', 'reply']);

  const raised = await fetch(`${url}/run/mine`, { headers: { accept: 'text/plain' } });
  assert.deepEqual([raised.status, await raised.text()], [500, 'the handler raised an exception: Traceback\n']);
  assert.equal(logged.length, 1);
});

test('an invoke that throws is a 500, and logged with its cause', async (t) => {
  const cause = new Error('a bug');
  const { url, logged } = await serveRoutes(t, () => {
    throw cause;
  });
  const reply = await fetch(`${url}/run/a`);
  assert.deepEqual([reply.status, (await errorOf(reply)).code], [500, 'internal']);
  assert.deepEqual(
    logged.map((entry) => [entry.level, entry.cause]),
    [['error', cause]],
  );
});

test('a call that is settled twice is answered once, and logged', async (t) => {
  const { url, logged } = await serveRoutes(t, (call) => {
    call.settle(answered({ body: Buffer.from('first') }));
    call.settle(answered({ body: Buffer.from('second') }));
    throw new Error('and a throw on top');
  });
  for (let i = 0; i < 2; i += 1) assert.equal(await (await fetch(`${url}/run/a`)).text(), 'first');
  assert.equal(logged.length, 4);
  assert.ok(logged.every((entry) => entry.level === 'error' && entry.message.endsWith(', ignoring')));
});

test('a client that goes away cancels its call once, and its outcome is ignored', async (t) => {
  const taken = later<Call>();
  const cancelled = later<void>();
  let cancels = 0;
  const { port, logged } = await serveRoutes(t, (call) => {
    call.cancel = () => {
      cancels += 1;
      cancelled.resolve();
    };
    taken.resolve(call);
  });
  const client = await raw(t, port);
  client.send(request('GET', '/run/a'));
  const call = await taken.value;
  client.socket.destroy();
  await cancelled.value;
  call.settle(answered({}));
  assert.deepEqual([cancels, logged], [1, []]);
});

test('a body over the limit is 413, told or found out', async (t) => {
  const { port, url } = await serveRoutes(t, (call) => call.settle(answered({})), { bodyLimit: 10 });
  assert.equal((await fetch(`${url}/run/a`, { method: 'POST', body: 'x'.repeat(10) })).status, 200);
  const told = await raw(t, port);
  told.send(request('POST', '/run/a', { 'content-length': 11 }));
  assert.match(await told.until('}}'), /^HTTP\/1\.1 413 [\s\S]*connection: close[\s\S]*"code":"body-too-large"/);
  const found = await raw(t, port);
  found.send(request('POST', '/run/a', { 'transfer-encoding': 'chunked' }), 'b\r\nxxxxxxxxxxx\r\n');
  assert.match(await found.until('}}'), /^HTTP\/1\.1 413 [\s\S]*connection: close[\s\S]*"code":"body-too-large"/);
});

test('what may be a page is sandboxed where it would share its origin with the admin API', async (t) => {
  const html = (call: Call) =>
    call.settle(
      answered({
        headers: [
          ['Content-Type', 'text/html'],
          ['content-security-policy', "default-src 'self'"],
        ],
      }),
    );
  const [shared, own] = [await serveRoutes(t, html, { sandboxPages: true }), await serveRoutes(t, html)];
  const policy = async (url: string) => (await fetch(`${url}/run/a`)).headers.get('content-security-policy');
  assert.match(`${await policy(shared.url)}`, /^default-src 'self', sandbox (?!.*allow-same-origin)/);
  assert.equal(await policy(own.url), "default-src 'self'");
});

test("headers of a lambda pass through, but for those that are the front end's", async (t) => {
  const { port } = await serveRoutes(t, (call) =>
    call.settle(
      answered({
        status: 302,
        headers: [
          ['location', '/elsewhere'],
          ['set-cookie', 'a=1'],
          ['set-cookie', 'b=2'],
          ['content-length', '5'],
          ['Transfer-Encoding', 'chunked'],
          ['connection', 'close'],
          ['upgrade', 'h2c'],
          ['date', 'yesterday'],
          ['x-request-id', 'forged'],
          ['x-start-class', 'forged'],
          ['server-timing', 'forged'],
        ],
        body: Buffer.from('moved'),
      }),
    ),
  );
  const client = await raw(t, port);
  client.send(request('GET', '/run/a'));
  const reply = await client.until('moved');
  assert.match(reply, /^HTTP\/1\.1 302 Found\r\nlocation: \/elsewhere\r\nset-cookie: a=1\r\nset-cookie: b=2\r\nx-request-id: /);
  assert.match(reply, /\r\ncontent-length: 5\r\n[\s\S]*\r\nmoved$/i);
  assert.ok(!/forged|chunked|upgrade|connection: (?!keep-alive)|yesterday/i.test(reply));
  assert.equal(reply.match(/content-length/gi)?.length, 1);
});

test('a reply that cannot be sent is 502, and nothing of it gets out', async (t) => {
  const bad = [
    answered({ headers: [['x-a', 'b\r\nset-cookie: stolen']] }),
    answered({ headers: [['x-a\r\nset-cookie: stolen', 'b']] }),
    answered({ status: 101 }),
    answered({ status: 1000 }),
  ];
  const { port, logged } = await serveRoutes(t, (call) => call.settle(bad[Number(call.lambda)] ?? assert.fail()));
  for (let i = 0; i < bad.length; i += 1) {
    const client = await raw(t, port);
    client.send(request('GET', `/run/${i}`));
    const reply = await client.until('}}');
    assert.match(reply, /^HTTP\/1\.1 502 Bad Gateway\r\n[\s\S]*x-start-class: warm\r\n[\s\S]*"code":"reply-invalid"/);
    assert.ok(!/^set-cookie/m.test(reply));
  }
  assert.equal(logged.length, bad.length);
});

test('while draining, a kept connection gets 503 and is ended', async (t) => {
  let accepts = true;
  const { port } = await serveRoutes(t, (call) => call.settle(answered({ body: Buffer.from('served') })), { accepts: () => accepts });
  const client = await raw(t, port);
  client.send(request('GET', '/run/a'));
  await client.until('served');
  accepts = false;
  client.send(request('GET', '/run/a'));
  assert.match(await client.ended, /HTTP\/1\.1 503 Service Unavailable\r\n[\s\S]*connection: close\r\n[\s\S]*"code":"draining"/i);
});

test('OPTIONS of a path that takes one method tells it; on /run it is the lambda that is asked', async (t) => {
  const { url } = await serveRoutes(t, (call) => call.settle(answered({ status: 204, headers: [['allow', 'of the lambda']] })));
  const ask = async (path: string) => {
    const { status, headers } = await fetch(`${url}${path}`, { method: 'OPTIONS' });
    return [status, headers.get('allow')];
  };
  assert.deepEqual(await ask('/runLambda/a'), [204, 'POST']);
  assert.deepEqual(await ask('/run/a'), [204, 'of the lambda']);
});
