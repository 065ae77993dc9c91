// f(event, context).
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { frame, leafOf, windowBytes } from './leaf.ts';

const head = {
  method: 'PUT',
  root: '/run/x',
  path: '/a%20b/%C3%BC%zz',
  query: 'a=1&a=2&b=&c&d=%26+%2B&%FF=%',
  headers: [
    ['content-type', 'text/x'],
    ['accept', 'a'],
    ['accept', 'b'],
    ['cookie', 'c=1'],
    ['cookie', 'd=2'],
  ],
  client: '192.0.2.7',
};

test('what it tells of the request', async (t) => {
  const leaf = await leafOf(
    t,
    `def f(event, context):
  c, h = context, context.headers
  return [event, c.method, c.path, c.raw_path, c.query, c.query_string, c.request_id, c.client, c.body.decode(), c.stream.read().decode(),
          h["Accept"], h.get_all("ACCEPT"), h.get_all("none"), h.get("none", 1), h["cookie"], "Cookie" in h, sorted(h), len(h)]
`,
  );
  assert.deepEqual(JSON.parse(String((await leaf.call({ head, body: '{"x": 1}' })).body)), [
    { x: 1 },
    'PUT',
    '/a b/ü%zz',
    head.path,
    { a: ['1', '2'], b: [''], c: [''], d: ['& +'], '�': ['%'] },
    head.query,
    'r1',
    '192.0.2.7',
    '{"x": 1}',
    '{"x": 1}',
    'a, b',
    ['a', 'b'],
    [],
    1,
    'c=1; d=2',
    true,
    ['accept', 'content-type', 'cookie'],
    3,
  ]);
});

test('its headers are a dict: to be said in JSON, copied, compared', async (t) => {
  const leaf = await leafOf(
    t,
    `import json
def f(event, context):
  h = context.headers
  h["X-Mine"] = "m"
  return [json.loads(json.dumps(h)), h, {**h} == dict(h.items()) == h, h.get("COOKIE"), h["x-mine" if "x-mine" in h else "X-Mine"],
          h.get("X-MINE"), "none" in h, 1 in h, h.get("None"), h.get(None, 2), isinstance(h, dict)]
`,
  );
  const headers = { 'content-type': 'text/x', accept: 'a, b', cookie: 'c=1; d=2', 'X-Mine': 'm' };
  const told = JSON.parse(String((await leaf.call({ head })).body));
  assert.deepEqual(told, [headers, headers, true, 'c=1; d=2', 'm', null, false, false, null, 2, true]);
});

test('bytes of the path and the query that were sent as they are', async (t) => {
  const leaf = await leafOf(t, 'def f(event, c):\n  return [c.path, c.query]\n');
  const raw = Buffer.from('ü').toString('latin1'); // the worker gives each byte as a character
  assert.deepEqual(JSON.parse(String((await leaf.call({ head: { path: `/${raw}`, query: `${raw}=${raw}` } })).body)), ['/ü', { ü: ['ü'] }]);
});

test('what it tells when the head says nothing', async (t) => {
  const leaf = await leafOf(t, 'def f(event, c):\n  return [event, c.path, c.query, dict(c.headers), c.remaining_ms, c.body.decode()]\n');
  assert.deepEqual(JSON.parse(String((await leaf.call()).body)), [{}, '/', {}, {}, null, '']);
});

test('how much time is left: from the deadline, never below 0', async (t) => {
  const leaf = await leafOf(t, 'def f(event, context):\n  return context.remaining_ms\n');
  const left = async (ms: number): Promise<number> =>
    Number(String((await leaf.call({ head: { deadline: Number(process.hrtime.bigint()) / 1e6 + ms } })).body));
  const soon = await left(3_600_000);
  assert.ok(soon > 0 && soon <= 3_600_000);
  assert.equal(await left(-1000), 0);
});

// What follows `f`, and whether it is called with the context.
const signatures: Readonly<Record<string, readonly [source: string, second: boolean]>> = {
  'one argument': ['def f(event): return 1', false],
  'two arguments': ['def f(event, second): return 2', true],
  'a second one with a default that is no context': ['def f(event, cache={}): return 1 if cache == {} else 2', false],
  'context with a default': ['def f(event, context=None): return 1 if context is None else 2', true],
  'any number of arguments': ['def f(*args): return len(args)', false],
  'one and any number': ['def f(event, *rest): return 1 + len(rest)', false],
  'two and any number': ['def f(event, context, *rest): return 2', true],
  'a lambda': ['f = lambda event, context: 2', true],
  'a built-in': ['f = len', false],
  'a class with __call__': ['class F:\n  def __call__(self, event, context): return 2\nf = F()', true],
  'a class with __call__ for one': ['class F:\n  def __call__(self, event): return 1\nf = F()', false],
  'a bound method': ['class F:\n  def g(self, event, context): return 2\nf = F().g', true],
  'a class method': ['class F:\n  @classmethod\n  def g(cls, event): return 1\nf = F.g', false],
  'a class itself': ['class f(list):\n  def __init__(self, event, context): super().__init__([2])', true],
  'a partial that leaves one': ['import functools\ndef g(a, event): return 1\nf = functools.partial(g, 0)', false],
  'a partial that leaves two': ['import functools\ndef g(a, event, context): return 2\nf = functools.partial(g, 0)', true],
  'a partial that names the second': ['import functools\ndef g(event, second): return 1\nf = functools.partial(g, second=0)', false],
  'a decorator that passes everything on to two': [
    'import functools\ndef d(g):\n  @functools.wraps(g)\n  def w(*a, **k): return g(*a, **k)\n  return w\n@d\ndef f(event, context): return 2',
    true,
  ],
  'a decorator that passes everything on to one': [
    'import functools\ndef d(g):\n  @functools.wraps(g)\n  def w(*a, **k): return g(*a, **k)\n  return w\n@d\ndef f(event): return 1',
    false,
  ],
  'a decorator that takes the event only': [
    'import functools\ndef d(g):\n  @functools.wraps(g)\n  def w(event): return g(event, 0) - 1\n  return w\n@d\ndef f(event, context): return 2',
    false,
  ],
  'a method behind a decorator': [
    'import functools\ndef d(g):\n  @functools.wraps(g)\n  def w(*a): return g(*a)\n  return w\nclass F:\n  @d\n  def g(self, event): return 1\nf = F().g',
    false,
  ],
  'a wrapper that wraps itself': ['def f(*args): return len(args)\nf.__wrapped__ = f', false],
};
for (const [what, [source, second]] of Object.entries(signatures)) {
  test(`${what}: ${second ? 'event and context' : 'the event alone'}`, async (t) => {
    const leaf = await leafOf(t, `${source}\n`);
    const { body } = await leaf.call({ body: what === 'a built-in' ? '[1]' : '{}' });
    assert.deepEqual(JSON.parse(String(body)), what === 'a class itself' ? [2] : second ? 2 : 1);
  });
}

const text = 'text/plain; charset=utf-8';
const responses: Readonly<
  Record<string, readonly [args: string, status: number, headers: readonly (readonly [string, string])[], body: string]>
> = {
  'JSON-able': ['{"a": 1}, 201', 201, [['content-type', 'application/json']], '{"a": 1}'],
  'a str': ['"ü"', 200, [['content-type', text]], 'ü'],
  bytes: ['b"x"', 200, [['content-type', 'application/octet-stream']], 'x'],
  nothing: ['status=204', 204, [], ''],
  'headers of its own': ['"<p>", headers={"Content-Type": "text/html", "X-N": 1}', 200, [['content-type', 'text/html'], ['x-n', '1']], '<p>'], // biome-ignore format: a table
  'repeated headers, as list': ['None, headers={"set-cookie": ["a=1", "b=2"]}', 200, [['set-cookie', 'a=1'], ['set-cookie', 'b=2']], ''], // biome-ignore format: a table
  'repeated headers, as pairs': ['None, headers=[("Set-Cookie", "a"), ("Set-Cookie", "b")]', 200, [['set-cookie', 'a'], ['set-cookie', 'b']], ''], // biome-ignore format: a table
  'a generator': ['(c for c in "ab"), 202, {"content-type": "text/event-stream"}', 202, [['content-type', 'text/event-stream']], 'ab'], // biome-ignore format: a table
  'a generator of str': ['(c for c in "ab")', 200, [['content-type', text]], 'ab'],
  'an empty generator': ['iter(()), 202', 202, [['content-type', 'application/octet-stream']], ''],
};
for (const [what, [args, status, headers, body]] of Object.entries(responses)) {
  test(`context.response with ${what}`, async (t) => {
    const leaf = await leafOf(t, `def f(event, context):\n  return context.response(${args})\n`);
    const answer = await leaf.call();
    assert.deepEqual([answer.status, answer.headers, String(answer.body)], [status, headers, body]);
  });
}

const invalid: Readonly<Record<string, readonly [args: string, message: RegExp]>> = {
  'a status that is no number': ['1, "200"', /status must be an integer from 200 to 599: '200'/],
  'a status that HTTP has not': ['1, 999', /status must be an integer from 200 to 599: 999/],
  'an informational status': ['1, 100', /status must be an integer from 200 to 599: 100/],
  'a boolean status': ['1, True', /status must be an integer/],
  'a line break in a header': ['1, headers={"a": "b\\r\\nc: d"}', /header 'a' has a character that HTTP does not allow there, '\\r'/],
  'a NUL in a header': ['1, headers={"a": "\\0"}', /does not allow there, '\\x00'/],
  'a header outside of latin-1': ['1, headers={"a": "€"}', /does not allow there, '€'/],
  'a header that is no str': ['1, headers={"a": b"b"}', /TypeError: the value of header 'a' must be a str: b'b'/],
  'a header without name': ['1, headers={"": "b"}', /a header needs a name/],
  'a header name with a space': ['1, headers={"a b": "b"}', /a header needs a name/],
  'a header name with a line break': ['1, headers={"a\\n": "b"}', /a header needs a name/],
  'a body that JSON cannot say': ['{"a": {1}}', /reply\['a'\] is a set/],
  'a lone surrogate': ['"\\ud800"', /surrogates not allowed/],
};
for (const [what, [args, message]] of Object.entries(invalid)) {
  test(`context.response with ${what}: 500, nothing half-sent`, async (t) => {
    const leaf = await leafOf(t, `def f(event, context):\n  return context.response(${args})\n`);
    const answer = await leaf.call();
    assert.deepEqual([answer.status, answer.error, answer.headers, answer.broken], [500, 'handler-raised', undefined, false]);
    assert.match(String(answer.body), message);
  });
}

test('context.log: levels, lines, and what is no level', async (t) => {
  const leaf = await leafOf(
    t,
    `def f(event, context):
  context.log("one\\ntwo\\n")
  for level in ("error", "warning", "debug"): context.log(level, level)
  context.log("x" * 20000)
  try: context.log("a", "loud")
  except ValueError as error: return str(error)
`,
  );
  const answer = await leaf.call();
  assert.deepEqual(answer.logs, [
    [3, 'one'],
    [3, 'two'],
    [1, 'error'],
    [2, 'warning'],
    [4, 'debug'],
    [3, 'x'.repeat(16384)],
  ]);
  assert.match(String(answer.body), /level must be one of error, warning, info, debug: 'loud'/);
});

test('context.log after the reply is refused, and the channel is none the worse', async (t) => {
  const leaf = await leafOf(
    t,
    `kept = []
def f(event, context):
  try: return kept and kept[0].log("late")
  except RuntimeError as error: return str(error)
  finally: kept.append(context)
`,
  );
  await leaf.call();
  const answer = await leaf.call();
  assert.match(String(answer.body), /the request has been answered/);
  assert.deepEqual(answer.logs, []);
});

test('STREAM_BODY: the body is read as it comes, both ways at once', async (t) => {
  const leaf = await leafOf(t, 'STREAM_BODY = True\ndef f(event, context):\n  for line in context.stream: yield line.upper()\n');
  const number = leaf.ask({ body: 'one\ntw', last: false });
  const piece = async (): Promise<string> => String((await leaf.next((f) => f.type === frame.body && f.request === number)).payload);
  assert.equal(await piece(), 'ONE\n');
  leaf.body(number, 'o\nthree', false);
  assert.equal(await piece(), 'TWO\n');
  leaf.body(number, '', true);
  assert.equal(await piece(), 'THREE');
  assert.equal((await leaf.answer(number)).status, 200);
});

test('STREAM_BODY: what is not JSON is no error, context.body is all of it, windows are kept', async (t) => {
  const leaf = await leafOf(
    t,
    'STREAM_BODY = True\ndef f(event, context):\n  return [event, len(context.body), context.stream.read(1).decode()]\n',
  );
  const number = leaf.ask({ body: Buffer.alloc(windowBytes / 2, 'x'), last: false });
  await leaf.next((f) => f.type === frame.window);
  leaf.body(number, Buffer.alloc(windowBytes, 'y'), true);
  assert.deepEqual(JSON.parse(String((await leaf.answer(number)).body)), [{}, (windowBytes * 3) / 2, 'x']);
});
