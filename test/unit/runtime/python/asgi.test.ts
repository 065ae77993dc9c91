// ASGI applications: HTTP and lifespan.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { frame, leafOf, windowBytes } from './leaf.ts';

/** An application with these statements; the lifespan is none of its concern. */
const app = (statements: string): string => `import asyncio, json
async def app(scope, receive, send):
  assert scope["type"] == "http"
${statements.replace(/^/gm, '  ')}
`;
const start = 'await send({"type": "http.response.start", "status": 200, "headers": [(b"a", b"b")]})\n';
const end = (body = ''): string => `await send({"type": "http.response.body", "body": b"${body}"})\n`;

test('the scope', async (t) => {
  const leaf = await leafOf(
    t,
    app(`${start}await send({"type": "http.response.body", "body": json.dumps(scope, default=lambda b: b.decode("latin-1")).encode()})`),
  );
  const head = {
    method: 'PUT',
    root: '/run/x',
    path: '/a%20b/%C3%BC',
    query: 'q=%20',
    client: '192.0.2.7',
    headers: [
      ['host', 'example.org:8443'],
      ['x-forwarded-proto', 'https'],
      ['accept', 'a'],
      ['accept', 'b'],
    ],
  };
  assert.deepEqual(JSON.parse(String((await leaf.call({ head })).body)), {
    type: 'http',
    asgi: { version: '3.0', spec_version: '2.4' },
    http_version: '1.1',
    method: 'PUT',
    scheme: 'https',
    path: '/run/x/a b/ü',
    raw_path: '/run/x/a%20b/%C3%BC',
    query_string: 'q=%20',
    root_path: '/run/x',
    headers: head.headers,
    client: ['192.0.2.7', 0],
    server: ['example.org', 8443],
    state: {},
    extensions: {},
  });
});

test('bytes of the path and the query that were sent as they are', async (t) => {
  const leaf = await leafOf(
    t,
    app(
      `${start}body = b" ".join((scope["path"].encode(), scope["raw_path"], scope["query_string"]))\nawait send({"type": "http.response.body", "body": body})`,
    ),
  );
  const raw = Buffer.from('ü').toString('latin1'); // the worker gives each byte as a character
  assert.equal(String((await leaf.call({ head: { path: `/${raw}`, query: raw } })).body), '/ü /ü ü');
});

test('the path of a lambda without more is its root and a slash; over a Unix socket there is no address of the client', async (t) => {
  const leaf = await leafOf(
    t,
    app(`${start}await send({"type": "http.response.body", "body": f'{scope["path"]} {scope["client"]}'.encode()})`),
  );
  assert.equal(String((await leaf.call({ head: { root: '/run/x', path: '', client: '' } })).body), '/run/x/ None');
});

test('a response in one piece, in several, and the head alone at once', async (t) => {
  const leaf = await leafOf(
    t,
    app(
      `${start}for piece in json.loads((await receive())["body"]): await send({"type": "http.response.body", "body": piece.encode(), "more_body": True})\n${end('last')}`,
    ),
  );
  assert.deepEqual((await leaf.call({ body: '[]' })).pieces, ['last']);
  const several = await leaf.call({ body: '["a", "", "b"]' });
  assert.deepEqual([several.status, several.headers, several.pieces], [200, [['a', 'b']], ['a', 'b', 'last']]);
  const silent = await leafOf(
    t,
    app(`${start}await send({"type": "http.response.body", "more_body": True})\nawait asyncio.Event().wait()`),
  );
  silent.ask();
  await silent.next((f) => f.type === frame.reply);
});

test('a body larger than a window is echoed while it comes', async (t) => {
  const leaf = await leafOf(
    t,
    app(
      `${start}more = True\nwhile more:\n  m = await receive()\n  more = m["more_body"]\n  await send({"type": "http.response.body", "body": m["body"], "more_body": more})`,
    ),
  );
  const half = windowBytes / 2;
  const number = leaf.ask({ last: false, body: Buffer.alloc(half) });
  const answer = leaf.answer(number);
  for (let i = 0; i < 8; i++) {
    await leaf.next((f) => f.type === frame.window);
    leaf.body(number, Buffer.alloc(half), i === 7);
  }
  assert.equal((await answer).body.length, 9 * half);
});

test('send() waits for the window while receive() goes on', async (t) => {
  const leaf = await leafOf(
    t,
    app(`async def talk():
  await send({"type": "http.response.start", "status": 200})
  await send({"type": "http.response.body", "body": bytes(${windowBytes + 1})})
async def listen(): return (await receive())["body"]
talking = asyncio.ensure_future(talk())
assert await listen() == b"heard"
print("heard", flush=True)
await talking`),
  );
  const number = leaf.ask({ last: false });
  let sent = 0;
  while (sent < windowBytes) sent += (await leaf.next((f) => f.type === frame.body)).payload.length;
  leaf.body(number, 'heard', true);
  await new Promise((resolve) => leaf.process.stdout?.once('data', resolve));
  leaf.used(number, windowBytes);
  assert.equal((await leaf.answer(number)).body.length, 1);
});

test('after the response, receive() gives http.disconnect, also to who waits for it already', async (t) => {
  const leaf = await leafOf(
    t,
    app(`await receive()
waiting = asyncio.ensure_future(receive())
await asyncio.sleep(0)
${start}${end()}assert (await waiting)["type"] == (await receive())["type"] == "http.disconnect"
print("disconnected", flush=True)`),
  );
  await leaf.call();
  await new Promise((resolve) => leaf.process.stdout?.once('data', resolve));
});

test('a cancelled request: receive() gives http.disconnect, send() raises OSError, the task is cancelled', async (t) => {
  const leaf = await leafOf(
    t,
    `import asyncio
seen = []
async def app(scope, receive, send):
  assert scope["type"] == "http"
  if scope["path"] == "/seen":
    await send({"type": "http.response.start", "status": 200})
    await send({"type": "http.response.body", "body": ",".join(seen).encode()})
    return
  await receive()
  try:
    print("begun", flush=True)
    await asyncio.Event().wait()
  except asyncio.CancelledError:
    seen.append((await receive())["type"])
    try: await send({"type": "http.response.start", "status": 200})
    except OSError as error: seen.append(type(error).__name__)
    raise
`,
  );
  const number = leaf.ask();
  await new Promise((resolve) => leaf.process.stdout?.once('data', resolve));
  leaf.cancel(number);
  assert.equal((await leaf.answer(number)).body.length, 0);
  assert.equal(String((await leaf.call({ head: { path: '/seen' } })).body), 'http.disconnect,Disconnected');
});

test('a stream that waits for its window is cancelled', async (t) => {
  const leaf = await leafOf(
    t,
    app(
      `${start}while scope["path"] == "/": await send({"type": "http.response.body", "body": bytes(65536), "more_body": True})\n${end('x')}`,
    ),
  );
  const number = leaf.ask();
  let sent = 0;
  while (sent < windowBytes) sent += (await leaf.next((f) => f.type === frame.body)).payload.length;
  leaf.cancel(number);
  await leaf.next((f) => f.type === frame.end && f.request === number);
  assert.equal(String((await leaf.call({ head: { path: '/x' } })).body), 'x');
});

const faults: Readonly<Record<string, readonly [statements: string, message: RegExp]>> = {
  'an exception before the start': ['1 / 0', /ZeroDivisionError/],
  'an exception after the start, before the body': [`${start}1 / 0`, /ZeroDivisionError/],
  'no response': ['pass', /returned without a response/],
  'a start without a body': [start, /returned before the end of a response/],
  'a body before the start': [end(), /'http.response.body' was sent before the start of the response/],
  'two starts': [start + start, /'http.response.start' was sent after the start of the response/],
  'an unknown message': ['await send({"type": "x"})', /'x' was sent before the start/],
  'an invalid status': ['await send({"type": "http.response.start", "status": "200"})', /status must be an integer/],
  'an invalid header': ['await send({"type": "http.response.start", "status": 200, "headers": [(b"a", b"\\n")]})', /does not allow there/],
  'a header of str': ['await send({"type": "http.response.start", "status": 200, "headers": [("a", "b")]})', /are bytes, not str: 'a'/],
  'a body of str': [`${start}await send({"type": "http.response.body", "body": "x"})`, /is made of bytes, not of str/],
};
for (const [what, [statements, message]] of Object.entries(faults)) {
  test(`${what}: 500`, async (t) => {
    const leaf = await leafOf(t, app(statements));
    const answer = await leaf.call();
    assert.deepEqual([answer.status, answer.error, answer.broken], [500, 'handler-raised', false]);
    assert.match(String(answer.body), message);
  });
}

test('an exception in the midst of the response cuts it, one after it goes to the log', async (t) => {
  const cut = await (
    await leafOf(t, app(`${start}await send({"type": "http.response.body", "body": b"x", "more_body": True})\n1 / 0`))
  ).call();
  assert.deepEqual([cut.pieces, cut.broken, cut.logs.at(-1)?.[1]], [['x'], true, 'ZeroDivisionError: division by zero']);
  const late = await leafOf(t, app(`${start}${end('x')}1 / 0`));
  assert.equal((await late.call()).broken, false);
  await late.hangUp();
  assert.match(await late.stderr, /ZeroDivisionError/);
});

const lifespan = (onStartup: string, onShutdown = 'await send({"type": "lifespan.shutdown.complete"})'): string => `
state = None
async def app(scope, receive, send):
  if scope["type"] == "lifespan":
    assert (await receive())["type"] == "lifespan.startup"
    ${onStartup}
    assert (await receive())["type"] == "lifespan.shutdown"
    ${onShutdown}
    return
  await send({"type": "http.response.start", "status": 200})
  await send({"type": "http.response.body", "body": str(scope["state"]).encode()})
  scope["state"]["mine"] = 1
`;
const complete = 'await send({"type": "lifespan.startup.complete"})';

test('lifespan: startup before the first request, its state in every scope, shutdown when the worker hangs up', async (t) => {
  const leaf = await leafOf(
    t,
    lifespan(`scope["state"]["db"] = "open"; ${complete}`, 'print("closed"); await send({"type": "lifespan.shutdown.complete"})'),
  );
  assert.equal((await leaf.call({ loadOnly: true })).loaded, true);
  for (let i = 0; i < 2; i++) assert.equal(String((await leaf.call()).body), "{'db': 'open'}");
  assert.equal(await leaf.hangUp(), 0);
});

// Nobody is there to end it: the worker is gone when it hangs up.
test('an application that does not shut down, waiting or working, is ended', async (t) => {
  for (const forever of ['await asyncio.Event().wait()', 'while True: pass']) {
    const leaf = await leafOf(t, `import asyncio\n${lifespan(complete, forever)}`);
    await leaf.call();
    assert.equal(await leaf.hangUp(), 1);
    assert.match(await leaf.stderr, /the ASGI application did not shut down within 2 s, ending it\n$/);
  }
});

const starts: Readonly<Record<string, readonly [onStartup: string, body: RegExp]>> = {
  'that fails to start up': [
    'await send({"type": "lifespan.startup.failed", "message": "no database"})',
    /could not start up: no database/,
  ],
  'that raises at its startup': ['1 / 0', /^\{\}$/],
  'that returns at its startup': ['return', /^\{\}$/],
  'that says something else': ['await send({"type": "lifespan.shutdown.complete"})', /^\{\}$/],
  'that ends after its startup': [`${complete}; return`, /^\{\}$/],
};
for (const [what, [onStartup, body]] of Object.entries(starts)) {
  test(`an application ${what}`, async (t) => {
    const leaf = await leafOf(t, lifespan(onStartup));
    for (let i = 0; i < 2; i++) assert.match(String((await leaf.call()).body), body);
    assert.equal(await leaf.hangUp(), 0);
  });
}

test('OL_ASGI_ENTRY, an application that is an object, several requests at a time', async (t) => {
  const leaf = await leafOf(
    t,
    `import asyncio
met = []
class App:
  async def __call__(self, scope, receive, send):
    assert scope["type"] == "http"
    met.append(1)
    while len(met) < 3: await asyncio.sleep(0)
    await send({"type": "http.response.start", "status": 200})
    await send({"type": "http.response.body", "body": b"met"})
mine = App()
def f(event): raise Exception("called")
`,
    { OL_ASGI_ENTRY: 'mine' },
  );
  leaf.setup({ concurrency: 3 });
  const numbers = [leaf.ask(), leaf.ask(), leaf.ask()];
  for (const number of numbers) assert.equal(String((await leaf.answer(number)).body), 'met');
});
