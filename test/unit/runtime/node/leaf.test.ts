// What runs in Node lambdas' sandboxes: its life, and how it finds what to call.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { flag, type as frame, requestOf } from '../native/leaf-rig.ts';
import { lambda } from './node-rig.ts';

test('an event goes in, what the function returns comes out as JSON', async (t) => {
  const leaf = lambda(t, 'export const f = (event) => ({ got: event });');
  const reply = await leaf.ask(1, '{"a": "ä😀"}');
  assert.equal(reply.text, '{"got":{"a":"ä😀"}}');
  assert.deepEqual([reply.status, reply.headers], [200, { 'content-type': 'application/json' }]);
  assert.equal((await leaf.ask(2)).text, '{"got":{}}', 'no body, an empty event');
});

test("a body that is no JSON is the caller's error", async (t) => {
  const leaf = lambda(t, 'export const f = () => 1;');
  const reply = await leaf.ask(1, '{"a":');
  assert.deepEqual([reply.status, reply.error], [400, 'event-invalid']);
  assert.match(reply.text, /JSON/);
  assert.equal((await leaf.ask(2, 'null')).text, '1');
});

test('what is called: f, handler or default, of the first entry file there is', async (t) => {
  const cases: [Record<string, string>, string][] = [
    [{ 'index.mjs': 'export const f = () => "f"; export const handler = () => "h";' }, '"f"'],
    [{ 'index.mjs': 'export async function handler() { return "h"; }' }, '"h"'],
    [{ 'index.mjs': 'export default () => "d";' }, '"d"'],
    [{ 'index.mjs': 'export const f = () => "m";', 'index.js': 'exports.f = () => "j";' }, '"m"'],
    [{ 'index.js': 'exports.handler = () => "c";' }, '"c"'],
    [{ 'index.js': 'module.exports = () => "c";' }, '"c"'],
    [{ 'index.js': 'const all = { f: () => "c" }; module.exports = all;' }, '"c"'],
    [{ 'index.js': 'export const f = () => "e";', 'package.json': '{"type":"module"}' }, '"e"'],
    [{ 'f.mjs': 'export const f = () => "fm";' }, '"fm"'],
    [{ 'f.js': 'exports.f = () => "fj";' }, '"fj"'],
    [{ 'f.cjs': 'exports.f = () => require("./other.cjs");', 'other.cjs': 'module.exports = "o";' }, '"o"'],
    [{ 'index.mjs': 'import { o } from "./lib/o.mjs"; export const f = () => o;', 'lib/o.mjs': 'export const o = "lib";' }, '"lib"'],
  ];
  for (const [files, text] of cases) assert.equal((await lambda(t, files).ask(1)).text, text, JSON.stringify(files));
});

test('the entry file and the environment are as configured', async (t) => {
  const leaf = lambda(t, {
    'index.mjs': 'export const f = () => "no";',
    'src/main.mjs': 'const at = process.env.KEY; export const f = () => [at, process.env.HOME];',
  });
  leaf.send(frame.setup, 0, JSON.stringify({ environment: { KEY: 'ü "x"', HOME: '/h' }, entry: { file: 'src/main.mjs' }, concurrency: 9 }));
  assert.deepEqual(JSON.parse((await leaf.ask(1)).text), ['ü "x"', '/h']);
});

test('a lambda does not see what the launcher told its process', async (t) => {
  const leaf = lambda(t, 'export const f = () => Object.keys(process.env).filter((name) => name.startsWith("SOCK_"));');
  assert.equal((await leaf.ask(1)).text, '[]');
});

test('code that cannot be loaded is an error that says why, and is tried again', async (t) => {
  const text = async (files: Record<string, string>): Promise<string> => (await lambda(t, files).ask(1)).text;
  assert.match(await text({}), /the package has none of index\.mjs, index\.js, f\.mjs, f\.js, f\.cjs/);
  assert.match(
    await text({ 'index.mjs': 'export const x = 1;' }),
    /index\.mjs exports no function f\(event, context\), handler\(event, context\) or default/,
  );
  assert.match(await text({ 'index.mjs': 'export const f = ;' }), /SyntaxError: Unexpected token ';'/);
  assert.match(await text({ 'index.mjs': 'import "none";' }), /Cannot find package 'none'/);
  const leaf = lambda(
    t,
    'if ((globalThis.tries = (globalThis.tries ?? 0) + 1) < 3) throw new Error("try " + tries); export const f = () => tries;',
  );
  for (const wanted of ['Error: try 1', 'Error: try 2']) {
    const reply = await leaf.ask(Number(wanted.slice(-1)));
    assert.deepEqual([reply.status, reply.error], [500, 'handler-raised']);
    assert.ok(reply.text.includes(wanted), reply.text);
  }
  assert.equal((await leaf.ask(3)).text, '3');
});

test('load-only loads and does not call', async (t) => {
  const leaf = lambda(t, 'console.log("loaded"); export const f = () => console.log("called");');
  leaf.begin(1, '', {}, flag.last | flag.loadOnly);
  const reply = await leaf.reply(1);
  assert.deepEqual([reply.status, reply.text], [200, '']);
  assert.ok((reply.timing[3] ?? 0n) > 0n, 'when it was loaded');
  assert.equal((await leaf.ask(2)).text, 'null');
  await leaf.stdout.has('called');
  assert.equal(leaf.stdout.text, 'loaded\ncalled\n');
  const broken = lambda(t, 'throw new Error("no");');
  broken.begin(1, '', {}, flag.last | flag.loadOnly);
  assert.equal((await broken.reply(1)).error, 'handler-raised');
});

test('a standby has rehearsed without a trace, and says so', async (t) => {
  const leaf = lambda(
    t,
    'export const f = (_, context) => [Object.keys(globalThis).filter((k) => k.startsWith("re")), context.requestId];',
    {
      SOCK_STANDBY: '1',
    },
  );
  assert.equal((await leaf.next())?.type, frame.ready);
  assert.equal((await leaf.ask(1)).text, '[[],"id-1"]');
  assert.equal(leaf.stdout.text + leaf.stderr.text, '');
});

test('requests overlap: the second is answered while the first waits', async (t) => {
  const leaf = lambda(t, 'let free; export const f = ({ wait }) => (wait ? new Promise((r) => (free = r)) : (free("first"), "second"));');
  leaf.begin(1, '{"wait":true}');
  leaf.begin(2, '{}');
  const replies = [await leaf.next(), await leaf.next()].map((end) => `${end?.number} ${end?.payload.subarray(40)}`);
  assert.deepEqual(replies.sort(), ['1 "first"', '2 "second"']);
});

test('first requests that overlap load the code once', async (t) => {
  const leaf = lambda(t, 'console.log("loaded"); await 1; export const f = () => 1;');
  for (const number of [1, 2, 3]) leaf.begin(number, '');
  for (let i = 0; i < 3; i++) assert.equal((await leaf.next())?.type, frame.end);
  assert.equal(leaf.stdout.text, 'loaded\n');
});

test("an error is told with its stack and its cause, without the runtime's own frames", async (t) => {
  const leaf = lambda(
    t,
    'function deep() { throw new Error("outer", { cause: new TypeError("inner") }); }\nexport async function f(event) { if (event.plain) throw "a string"; deep(); }',
  );
  const reply = await leaf.ask(1);
  assert.deepEqual([reply.status, reply.error], [500, 'handler-raised']);
  assert.match(reply.text, /^Error: outer\n {4}at deep .*index\.mjs:1:/);
  assert.match(reply.text, /\[cause\]: TypeError: inner/);
  assert.doesNotMatch(reply.text, /runtime\/node/);
  assert.equal((await leaf.ask(2, '{"plain":1}')).text, "'a string'");
  assert.equal((await leaf.ask(3, '{"plain":1}')).status, 500, 'it goes on');
});

test('an error that cannot be shown is an error still', async (t) => {
  const leaf = lambda(
    t,
    'export const f = () => { throw { get [Symbol.toStringTag]() { throw 1; }, [Symbol.for("nodejs.util.inspect.custom")]() { throw 2; } }; };',
  );
  const reply = await leaf.ask(1);
  assert.deepEqual([reply.status, reply.text], [500, 'an error that cannot be shown']);
});

test('an error outside of a call ends the process, as does process.exit()', async (t) => {
  for (const [code, exit, said] of [
    ['setImmediate(() => { throw new Error("stray"); })', 1, 'Error: stray'],
    ['Promise.reject(new Error("lost"))', 1, 'Error: lost'],
    ['process.exit(3)', 3, ''],
  ] as const) {
    const leaf = lambda(t, `export const f = () => { ${code}; return new Promise(() => {}); };`);
    leaf.begin(1, '');
    assert.deepEqual(await leaf.ended, [exit, null], code);
    assert.ok(leaf.stderr.text.includes(said), leaf.stderr.text);
  }
});

test('times: of the sandbox with the first reply, of loading with the first, of the call with each', async (t) => {
  const leaf = lambda(t, 'export const f = () => 1;', { SOCK_BORN: '123', SOCK_SEALED: '9007199254740993' });
  const before = process.hrtime.bigint();
  const [born, sealed, received = 0n, loaded = 0n, handled = 0n] = (await leaf.ask(1)).timing;
  assert.deepEqual([born, sealed], [123n, 9007199254740993n]);
  assert.ok(before < received && received < loaded && loaded <= handled && handled < process.hrtime.bigint());
  const second = (await leaf.ask(2)).timing;
  assert.deepEqual([second[0], second[1], second[3]], [0n, 0n, 0n]);
});

test('frames may come in any pieces', async (t) => {
  const leaf = lambda(t, 'export const f = (event) => event.length;');
  const whole = requestOf(1, JSON.stringify('x'.repeat(100_000)));
  for (const size of [1, 5, 6, 11, 12, 13, 40, 70_000, whole.length]) await leaf.sendRaw(whole.subarray(0, size), whole.subarray(size));
  for (let i = 0; i < 9; i++) assert.equal((await leaf.next())?.payload.subarray(40).toString(), '100000');
});

test('it ends with its channel', async (t) => {
  const leaf = lambda(t, 'export const f = () => { setInterval(() => {}, 1000); return 1; };');
  await leaf.ask(1);
  leaf.hangUp();
  assert.deepEqual(await leaf.ended, [0, null]);
});
