// Bodies of a Node lambda's requests and replies that come and go piece by piece.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { flag, type as frame, windowBytes } from '../native/leaf-rig.ts';
import { lambda } from './node-rig.ts';

test('a long request comes whole, a long reply goes whole, under their windows', async (t) => {
  const leaf = lambda(t, 'export const f = (event, c) => (c.query.has("bytes") ? c.body : event);');
  const event = JSON.stringify('ü'.repeat(1_000_000));
  assert.equal((await leaf.ask(1, event)).text, event);
  const reply = await leaf.ask(2, event, { query: 'bytes' });
  assert.equal(reply.text, event);
  assert.equal(reply.headers['content-type'], 'application/octet-stream');
});

test('what is made piece by piece is sent as it is made', async (t) => {
  const leaf = lambda(
    t,
    `let free;
    const all = {
      generator: function* () { yield 'a'; yield 'b'; }, async: async function* () { yield 'first'; await new Promise((r) => (free = r)); yield 'second'; }, free: () => free(),
      web: () => new ReadableStream({ start(c) { c.enqueue(new Uint8Array([65])); c.close(); } }), empty: function* () {},
      events: (c) => c.response((function* () { yield 'data: 1\\n\\n'; })(), { status: 203, headers: { 'content-type': 'text/event-stream' } }),
      node: async () => (await import('node:stream')).Readable.from([Buffer.from('n')]), response: () => new Response(new ReadableStream({ start(c) { c.enqueue(Buffer.from('r')); c.close(); } })),
    };
    export const f = ({ what }, c) => all[what](c);`,
  );
  const answers: Record<string, [string, number, string | undefined]> = {
    generator: ['ab', 200, 'text/plain; charset=utf-8'],
    web: ['A', 200, 'application/octet-stream'],
    empty: ['', 200, 'application/octet-stream'],
    events: ['data: 1\n\n', 203, 'text/event-stream'],
    node: ['n', 200, 'application/octet-stream'],
    response: ['r', 200, 'application/octet-stream'],
  };
  let number = 10;
  for (const [what, wanted] of Object.entries(answers)) {
    const reply = await leaf.ask(++number, JSON.stringify({ what }));
    assert.deepEqual([reply.text, reply.status, reply.headers['content-type']], wanted, what);
  }
  leaf.begin(1, '{"what":"async"}');
  assert.equal((await leaf.next())?.type, frame.reply);
  assert.equal((await leaf.next())?.payload.toString(), 'first', 'before the second is made');
  assert.equal((await leaf.ask(2, '{"what":"free"}')).text, 'null');
  assert.equal((await leaf.reply(1)).text, 'second');
});

test('a slow reader slows the lambda: no more is made than a window', async (t) => {
  const leaf = lambda(
    t,
    'let made = 0; export const f = ({ count }) => count ? made : (function* () { while (made < 64) { made++; yield Buffer.alloc(65536, made); } })();',
  );
  leaf.begin(1, '{}');
  assert.equal((await leaf.next())?.type, frame.reply);
  let got = 0;
  while (got < windowBytes) got += (await leaf.next())?.payload.length ?? 0;
  assert.equal((await leaf.ask(2, '{"count":1}')).text, '5', 'four are sent, the fifth waits');
  leaf.grant(1, got);
  const rest = await leaf.reply(1);
  assert.equal(got + rest.body.length, 64 * 65_536);
});

test('an error in the middle of a reply is logged, and the reply is told not to be complete', async (t) => {
  const leaf = lambda(t, 'export const f = ({ late }) => (function* () { if (late) yield "some"; throw new Error("in between"); })();');
  leaf.begin(1, '{"late":true}');
  const frames = [await leaf.next(), await leaf.next(), await leaf.next()];
  assert.deepEqual(
    frames.map((one) => one?.type),
    [frame.reply, frame.body, frame.log],
  );
  assert.equal(frames[2]?.payload[0], 1);
  assert.equal(frames[2]?.payload.subarray(1).toString(), 'Error: in between');
  assert.equal((await leaf.reply(1)).broken, true);
  const early = await leaf.ask(2, '{}');
  assert.deepEqual([early.status, early.broken], [500, false], 'before the first piece it is an error like any other');
});

test('streamBody: the function is called before its body is there, and takes it piece by piece', async (t) => {
  const leaf = lambda(
    t,
    'export const streamBody = true; export async function* f(event, c) { yield JSON.stringify(event); for await (const p of c.stream) yield p; }',
  );
  leaf.begin(1, 'one ', {}, 0);
  assert.equal((await leaf.next())?.type, frame.ready, 'the worker is told that it takes bodies so');
  assert.equal((await leaf.next())?.type, frame.reply);
  assert.equal((await leaf.next())?.payload.toString(), '{}');
  assert.equal((await leaf.next())?.payload.toString(), 'one ');
  leaf.send(frame.body, 1, 'two');
  assert.equal((await leaf.next())?.payload.toString(), 'two');
  leaf.send(frame.body, 1, '', flag.last);
  assert.equal((await leaf.reply(1)).text, '');
  const long = Buffer.alloc(2_000_000, 'x');
  assert.equal((await leaf.ask(2, long)).body.length, long.length + 2);
});

test('streamBody is told once, however many requests wait for the module', async (t) => {
  const leaf = lambda(t, 'export const streamBody = true; await new Promise(setImmediate); export const f = (_, c) => c.path;');
  for (const number of [1, 2, 3]) leaf.begin(number, '', { path: `/${number}` });
  const types = [];
  while (types.length < 4) types.push((await leaf.next())?.type);
  assert.deepEqual(types, [frame.ready, frame.end, frame.end, frame.end]);
});

test('streamBody: what the function does not take stays with the client', async (t) => {
  const leaf = lambda(
    t,
    'let free; export const streamBody = true; export const f = (_, c) => c.path === "/free" ? free() : new Promise((r) => (free = r));',
  );
  leaf.begin(1, Buffer.alloc(windowBytes), {}, 0);
  assert.equal((await leaf.next())?.type, frame.ready);
  assert.equal((await leaf.ask(2, '', { path: '/free' })).text, 'null');
  const frames = [await leaf.next()];
  assert.deepEqual(
    frames.map((one) => [one?.type, one?.number]),
    [[frame.end, 1]],
    'no window was given',
  );
});

test('without streamBody the body can be read as a stream, too', async (t) => {
  const leaf = lambda(
    t,
    'export async function f(event, c) { let text = ""; for await (const p of c.stream) text += Buffer.from(p); return text; }',
  );
  assert.equal((await leaf.ask(1, '{"a":1}')).text, '"{\\"a\\":1}"');
});

test('a stream that nobody reads any more is closed', async (t) => {
  const leaf = lambda(
    t,
    'export const f = () => (async function* () { try { for (;;) yield Buffer.alloc(100_000); } finally { console.log("closed"); } })();',
  );
  leaf.begin(1, '');
  assert.equal((await leaf.next())?.type, frame.reply);
  let got = 0;
  while (got < windowBytes) got += (await leaf.next())?.payload.length ?? 0;
  leaf.send(frame.cancel, 1);
  assert.deepEqual([(await leaf.next())?.type], [frame.end]);
  await leaf.stdout.has('closed');
});
