// One request of a Node lambda: what it is told, what it may answer, how it ends early.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type as frame } from '../native/leaf-rig.ts';
import { lambda } from './node-rig.ts';

test('what the context tells', async (t) => {
  const leaf = lambda(
    t,
    `export const f = (event, c) => ({ method: c.method, path: c.path, rawPath: c.rawPath, q: c.query.getAll('a'), headers: c.headers, id: c.requestId,
      client: c.client, body: Buffer.from(c.body).toString(), left: c.remainingMs(), aborted: c.signal.aborted });`,
  );
  const head = {
    id: 'r-7',
    method: 'PATCH',
    root: '/run/x',
    path: '/a%20b/%C3%A4%zz%ff',
    query: 'a=1&a=%202+3&b',
    headers: [
      ['x-a', '1'],
      ['x-a', '2'],
      ['cookie', 'c=1'],
      ['cookie', 'd=2'],
      ['__proto__', 'p'],
    ],
    client: '::1',
    deadline: Number(process.hrtime.bigint()) / 1e6 + 60_000,
  };
  const { left, ...told } = JSON.parse((await leaf.ask(1, '{ "b": 1 }', head)).text);
  assert.deepEqual(told, {
    method: 'PATCH',
    path: '/a b/ä%zz\ufffd',
    rawPath: '/a%20b/%C3%A4%zz%ff',
    q: ['1', ' 2 3'],
    headers: JSON.parse('{"x-a":"1, 2","cookie":"c=1; d=2","__proto__":"p"}'),
    id: 'r-7',
    client: '::1',
    body: '{ "b": 1 }',
    aborted: false,
  });
  assert.ok(left > 0 && left <= 60_000);
  const plain = JSON.parse((await leaf.ask(2)).text);
  assert.deepEqual([plain.method, plain.path, plain.rawPath, plain.q, plain.left], ['POST', '/', '', [], null]);
});

test('the context can be taken apart, copied, said in JSON and printed', async (t) => {
  const leaf = lambda(
    t,
    `export const f = (event, context) => {
      context.mine = 1;
      const { log, response, ...rest } = context;
      log('logged');
      console.log(context);
      return response({ keys: Object.keys(context), json: context, rest: [rest.path, rest.headers, rest.body.length, rest.remainingMs() > 0, rest.mine] }, { status: 201 });
    };`,
  );
  const head = { path: '/a%20b', query: 'a=1&a=2', headers: [['x-a', '1']] as const };
  leaf.begin(1, '{}', head);
  const logged = await leaf.next();
  assert.equal(logged?.payload.subarray(1).toString(), 'logged');
  const reply = await leaf.reply(1);
  const names = 'method path rawPath query headers requestId client body stream signal remainingMs response log'.split(' ');
  assert.deepEqual(
    [reply.status, JSON.parse(reply.text)],
    [
      201,
      {
        keys: [...names, 'mine'],
        json: {
          method: 'POST',
          path: '/a b',
          rawPath: '/a%20b',
          query: [
            ['a', '1'],
            ['a', '2'],
          ],
          headers: { 'x-a': '1' },
          requestId: 'id-1',
          client: '',
        },
        rest: ['/a b', { 'x-a': '1' }, 2, true, 1],
      },
    ],
  );
  await leaf.stdout.has("path: '/a b'");
});

test('what may be returned, and what is sent for it', async (t) => {
  const leaf = lambda(
    t,
    `const all = {
      undefined: () => undefined, null: () => null, number: () => 1.5, string: () => 'a"b', array: () => [1, 'x'], map: () => new Map([[1, 2]]), date: () => new Date(0),
      buffer: () => Buffer.from([1, 0, 255]), array8: () => new Uint8Array(new Uint8Array([9, 1, 2]).buffer, 1), view: () => new DataView(new ArrayBuffer(2)),
      text: (c) => c.response('plain'), none: (c) => c.response(null, { status: 204 }), json: (c) => c.response({ a: 1 }, { status: 201, headers: { 'X-A': 1, 'Set-Cookie': ['a=1', 'b=2'] } }),
      html: (c) => c.response('<p>', { headers: new Headers({ 'Content-Type': 'text/html' }) }),
      web: () => new Response('w', { status: 418, headers: { a: 'b' } }), webNone: () => new Response(null, { status: 204 }), webJson: async () => Response.json([1]),
      then: () => ({ then: (done) => done('thenable') }),
    };
    export const f = ({ what }, context) => all[what](context);`,
  );
  const json = 'application/json';
  const octets = 'application/octet-stream';
  const text = 'text/plain; charset=utf-8';
  const table: [what: string, status: number, type: string | undefined, body: string][] = [
    ['undefined', 200, json, 'null'],
    ['null', 200, json, 'null'],
    ['number', 200, json, '1.5'],
    ['string', 200, json, '"a\\"b"'],
    ['array', 200, json, '[1,"x"]'],
    ['map', 200, json, '{}'],
    ['date', 200, json, '"1970-01-01T00:00:00.000Z"'],
    ['buffer', 200, octets, '\x01\x00\xff'],
    ['array8', 200, octets, '\x01\x02'],
    ['view', 200, octets, '\x00\x00'],
    ['text', 200, text, 'plain'],
    ['none', 204, undefined, ''],
    ['json', 201, json, '{"a":1}'],
    ['html', 200, 'text/html', '<p>'],
    ['web', 418, 'text/plain;charset=UTF-8', 'w'],
    ['webNone', 204, undefined, ''],
    ['webJson', 200, json, '[1]'],
    ['then', 200, json, '"thenable"'],
  ];
  let number = 0;
  for (const [what, status, type, body] of table) {
    const reply = await leaf.ask(++number, JSON.stringify({ what }));
    assert.deepEqual(
      [reply.status, reply.headers['content-type'], reply.body.toString('latin1')],
      [status, type, body],
      `${what}: ${reply.text}`,
    );
  }
  leaf.begin(++number, '{"what":"json"}');
  const head = JSON.parse((await leaf.next())?.payload.subarray(40).toString() ?? '');
  assert.deepEqual(head.headers.slice(0, 3), [
    ['x-a', '1'],
    ['set-cookie', 'a=1'],
    ['set-cookie', 'b=2'],
  ]);
});

test('what cannot be sent is an error that says what', async (t) => {
  const leaf = lambda(
    t,
    `const ring = {}; ring.ring = ring;
    const all = {
      function: () => f, symbol: () => Symbol('x'), big: () => 1n, ring: () => ring, status: (c) => c.response('', { status: 99 }), fraction: (c) => c.response('', { status: 200.5 }),
      name: (c) => c.response('', { headers: { 'a b': '1' } }), split: (c) => c.response('', { headers: { a: '1\\r\\nb: 2' } }), value: (c) => c.response('', { headers: { a: {} } }),
      headers: (c) => c.response('', { headers: 5 }), pieces: async function* () { yield 1; }, read: async () => { const r = new Response('x'); await r.text(); return r; },
    };
    export const f = ({ what }, context) => all[what](context);`,
  );
  const table: Record<string, RegExp> = {
    function: /as JSON: it is a function/,
    symbol: /as JSON: it is a symbol/,
    big: /BigInt/,
    ring: /circular/,
    status: /status must be an integer from 200 to 599: 99/,
    fraction: /200\.5/,
    name: /a header needs a name.*a b/,
    split: /the value of header a has a character/,
    value: /the value of header a must be a string/,
    headers: /headers must be an object: 5/,
    pieces: /made of strings or Uint8Arrays, not of a number/,
    read: /has been read already/,
  };
  let number = 0;
  for (const [what, wanted] of Object.entries(table)) {
    const reply = await leaf.ask(++number, JSON.stringify({ what }));
    assert.deepEqual([reply.status, reply.error], [500, 'handler-raised'], what);
    assert.match(reply.text, wanted, what);
  }
});

test('a call that nobody waits for: its signal says so, and it ends when the function heeds that', async (t) => {
  const leaf = lambda(
    t,
    `export const f = ({ what }, { signal }) => what === 'wait' ? new Promise((_, no) => signal.addEventListener('abort', () => { console.log('heeded'); no(signal.reason); })) : 'next';`,
  );
  assert.equal((await leaf.ask(9, '{}')).text, '"next"');
  leaf.begin(1, '{"what":"wait"}');
  leaf.send(frame.cancel, 1);
  const end = await leaf.next();
  assert.deepEqual([end?.type, end?.flags, end?.number, end?.payload.length], [frame.end, 0, 1, 40]);
  await leaf.stdout.has('heeded');
  leaf.send(frame.cancel, 1);
  leaf.grant(1, 7);
  leaf.send(frame.body, 1, 'late');
  assert.equal((await leaf.ask(2, '{}')).text, '"next"');
});

test('a call that is cancelled while its body comes does not reach the function', async (t) => {
  const leaf = lambda(t, 'let calls = 0; export const f = () => ++calls;');
  assert.equal((await leaf.ask(1, '{}')).text, '1');
  leaf.begin(2, '{"a":', {}, 0);
  leaf.send(frame.cancel, 2);
  assert.deepEqual([(await leaf.next())?.type], [frame.end]);
  assert.equal((await leaf.ask(3, '{}')).text, '2');
});

test('context.log writes lines with levels, console what it always writes', async (t) => {
  const leaf = lambda(
    t,
    `let late; export function f(event, c) { if (event.late) { try { late.log('x'); } catch (e) { return e.message; } } late = c; c.log('one\\n\\ntwo', 'warning'); c.log({ a: 1 }); c.log('ü'.repeat(10_000), 'debug'); console.log('out'); console.error('err'); c.log('x', 'loud'); }`,
  );
  leaf.begin(1, '{}');
  const lines: [number | undefined, string][] = [];
  let next = await leaf.next();
  for (; next?.type === frame.log; next = await leaf.next()) lines.push([next.payload[0], next.payload.subarray(1).toString()]);
  assert.deepEqual(lines.slice(0, 3), [
    [2, 'one'],
    [2, 'two'],
    [3, '{"a":1}'],
  ]);
  assert.deepEqual(lines.slice(3), [[4, 'ü'.repeat(8192)]], 'a line has an end');
  assert.match(next?.payload.toString() ?? '', /handler-raised/);
  assert.match((await leaf.next())?.payload.toString() ?? '', /level must be one of error, warning, info, debug: loud/);
  await Promise.all([leaf.stdout.has('out\n'), leaf.stderr.has('err\n')]);
  assert.match((await leaf.ask(2, '{"late":true}')).text, /the request has been answered/);
});
