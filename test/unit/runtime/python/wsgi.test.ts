// WSGI applications, by PEP 3333; wsgiref's validator stands between most of them and the runtime.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { frame, leafOf, windowBytes } from './leaf.ts';

const validated = (source: string): string => `from wsgiref.validate import validator\nimport json\n${source}\napp = validator(app)\n`;
const plain = [['content-type', 'text/plain']] as const;
const answers = (body: string): string => `def app(environ, start_response):
  start_response("200 OK", [("Content-Type", "text/plain")])
  return ${body}
`;

test('the environ', async (t) => {
  const leaf = await leafOf(
    t,
    validated(`def app(environ, start_response):
  start_response("200 OK", [("Content-Type", "application/json")])
  return [json.dumps({k: v for k, v in environ.items() if isinstance(v, (str, bool, int))}).encode()]
`),
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
      ['content-type', 'text/x'],
      ['content-length', '0'],
      ['accept', 'a'],
      ['accept', 'b'],
      ['cookie', 'a=1'],
      ['cookie', 'b=2'],
      ['x_forwarded_for', 'spoofed'],
      ['proxy', 'http://evil'],
    ],
  };
  assert.deepEqual(JSON.parse(String((await leaf.call({ head })).body)), {
    REQUEST_METHOD: 'PUT',
    SCRIPT_NAME: '/run/x',
    PATH_INFO: '/a b/Ã¼',
    QUERY_STRING: 'q=%20',
    REMOTE_ADDR: '192.0.2.7',
    SERVER_NAME: 'example.org',
    SERVER_PORT: '8443',
    SERVER_PROTOCOL: 'HTTP/1.1',
    HTTP_HOST: 'example.org:8443',
    HTTP_X_FORWARDED_PROTO: 'https',
    CONTENT_TYPE: 'text/x',
    CONTENT_LENGTH: '0',
    HTTP_ACCEPT: 'a,b',
    HTTP_COOKIE: 'a=1; b=2',
    'wsgi.url_scheme': 'https',
    'wsgi.input_terminated': true,
    'wsgi.multithread': false,
    'wsgi.multiprocess': true,
    'wsgi.run_once': false,
  });
});

test('bytes of the path and the query that were sent as they are', async (t) => {
  const leaf = await leafOf(
    t,
    validated(`def app(environ, start_response):
  start_response("200 OK", [("Content-Type", "text/plain")])
  return [environ["PATH_INFO"].encode("latin-1") + b" " + environ["QUERY_STRING"].encode("latin-1")]
`),
  );
  // The worker gives each byte as a character.
  const raw = Buffer.from('ü').toString('latin1');
  assert.equal(String((await leaf.call({ head: { method: 'GET', path: `/${raw}`, query: raw } })).body), '/ü ü');
});

test('who was asked: the port and the scheme as they are told, or the usual ones', async (t) => {
  const leaf = await leafOf(
    t,
    'def app(e, s):\n  s("200 OK", [])\n  return [" ".join((e["wsgi.url_scheme"], e["SERVER_NAME"], e["SERVER_PORT"])).encode()]\n',
  );
  const table: [host: string, proto: string, told: string][] = [
    ['a.example', '', 'http a.example 80'],
    ['[::1]', 'http', 'http [::1] 80'],
    ['[::1]:81', 'HTTPS, http', 'https [::1] 81'],
    [`a:${'1'.repeat(5000)}`, 'https', `https a:${'1'.repeat(5000)} 443`],
    ['', 'http, https', 'http localhost 80'],
  ];
  for (const [host, proto, told] of table)
    assert.equal(String((await leaf.call({ head: { headers: [['host', host], ['x-forwarded-proto', proto]] } })).body), told); // biome-ignore format: one line
});

// What follows `return`: the pieces that come of it.
const bodies: Readonly<Record<string, readonly [body: string, pieces: readonly string[]]>> = {
  'a list': ['[b"a", b"b"]', ['ab']],
  'an empty list': ['[]', []],
  'a generator': ['(c for c in (b"a", b"", b"b"))', ['a', 'b']],
  'a file': ['__import__("io").BytesIO(b"one\\ntwo")', ['one\n', 'two']],
};
for (const [what, [body, pieces]] of Object.entries(bodies)) {
  test(`an application that returns ${what}`, async (t) => {
    const leaf = await leafOf(t, validated(answers(body)));
    const validatedGet = { head: { headers: [['host', 'h']], method: 'GET' } };
    const answer = await leaf.call(validatedGet);
    // The validator makes an iterator of everything.
    assert.deepEqual([answer.status, answer.headers, answer.pieces.join('|')], [200, plain, what === 'a list' ? 'a|b' : pieces.join('|')]);
    const direct = await (await leafOf(t, answers(body))).call();
    assert.deepEqual([direct.status, direct.headers, direct.pieces], [200, plain, pieces]);
  });
}

test('the head goes out with the first piece that is not empty, at once', async (t) => {
  const leaf = await leafOf(
    t,
    'import threading\ndef app(e, s):\n  s("201 Made", [])\n  yield b""\n  yield b"first"\n  threading.Event().wait()\n',
  );
  leaf.ask();
  const head = await leaf.next((f) => f.type === frame.reply);
  assert.match(String(head.payload.subarray(40)), /"status": 201.*"reason": "Made"/);
  assert.equal(String((await leaf.next((f) => f.type === frame.body)).payload), 'first');
});

test('write(), then the iterable', async (t) => {
  const leaf = await leafOf(t, validated('def app(e, s):\n  w = s("200 OK", [("Content-Type", "text/plain")])\n  w(b"one")\n  w(b"two")\n  return iter([b"three"])\n')); // biome-ignore format: one line
  assert.deepEqual((await leaf.call({ head: { method: 'GET' } })).pieces, ['one', 'two', 'three']);
});

// How often, and how the input is read: of 'one\ntwo\nthree', which comes in three pieces.
const inputs: Readonly<Record<string, readonly [expression: string, result: unknown]>> = {
  'read(n)': ['[i.read(2).decode(), i.read(100).decode(), i.read(1).decode()]', ['on', 'e\ntwo\nthree', '']],
  readline: ['[i.readline().decode(), i.readline(2).decode(), i.readline().decode()]', ['one\n', 'tw', 'o\n']],
  readlines: ['[l.decode() for l in i.readlines(5)]', ['one\n', 'two\n']],
  iteration: ['[l.decode() for l in i]', ['one\n', 'two\n', 'three']],
};
for (const [what, [expression, result]] of Object.entries(inputs)) {
  test(`wsgi.input: ${what}`, async (t) => {
    const leaf = await leafOf(t, validated(`def app(e, s):\n  i = e["wsgi.input"]\n  s("200 OK", [("Content-Type", "application/json")])\n  return [json.dumps(${expression}).encode()]\n`)); // biome-ignore format: one line
    const number = leaf.ask({ head: { method: 'POST' }, body: 'on', last: false });
    leaf.body(number, 'e\ntwo\nthr', false);
    leaf.body(number, 'ee', true);
    assert.deepEqual(JSON.parse(String((await leaf.answer(number)).body)), result);
  });
}

test('a body larger than a window is echoed while it comes', async (t) => {
  const leaf = await leafOf(t, 'def app(e, s):\n  s("200 OK", [])\n  return iter(lambda: e["wsgi.input"].read1(65536), b"")\n');
  const number = leaf.ask({ last: false });
  const answer = leaf.answer(number);
  const half = windowBytes / 2;
  leaf.body(number, Buffer.alloc(half), false);
  for (let i = 0; i < 8; i++) {
    await leaf.next((f) => f.type === frame.window);
    leaf.body(number, Buffer.alloc(half), i === 7);
  }
  assert.equal((await answer).body.length, 9 * half);
});

interface Fault {
  readonly source: string;
  readonly message: RegExp;
}
const start = '  s("200 OK", [("a", "b")])\n';
const faults: Readonly<Record<string, Fault>> = {
  'no start_response': { source: '  return [b"x"]\n', message: /did not call start_response before it gave the body/ },
  'no start_response and nothing': { source: '  return []\n', message: /did not call start_response/ },
  'start_response twice': { source: `${start}${start}  return []\n`, message: /called a second time, without exc_info/ },
  'a status without a number': { source: '  s("OK", [])\n  return []\n', message: /must be a str like "200 OK": 'OK'/ },
  'a status with a line break': { source: '  s("200 OK\\r\\nx: y", [])\n  return []\n', message: /must be a str like "200 OK": '200 OK/ },
  'a status in other digits': { source: '  s("٢٠٠ OK", [])\n  return []\n', message: /must be a str like "200 OK": '٢٠٠ OK'/ },
  'a status that is a number': { source: '  s(200, [])\n  return []\n', message: /must be a str like "200 OK": 200/ },
  'an invalid header': {
    source: '  s("200 OK", [("a", "b\\n")])\n  return []\n',
    message: /header 'a' has a character that HTTP does not allow/,
  },
  'a body of str': { source: `${start}  return iter(["x"])\n`, message: /is made of bytes, not of str/ },
  'a list of str': { source: `${start}  return ["x"]\n`, message: /TypeError/ },
  'an exception after start_response': { source: `${start}  1 / 0\n`, message: /ZeroDivisionError/ },
  'None instead of an iterable': { source: `${start}  return None\n`, message: /'NoneType' object is not iterable/ },
};
for (const [what, { source, message }] of Object.entries(faults)) {
  test(`${what}: 500`, async (t) => {
    const leaf = await leafOf(t, `def app(e, s):\n${source}`);
    const answer = await leaf.call();
    assert.deepEqual([answer.status, answer.error, answer.broken], [500, 'handler-raised', false]);
    assert.match(String(answer.body), message);
  });
}

test('exc_info replaces the head as long as nothing is sent, and is raised afterwards', async (t) => {
  const leaf = await leafOf(
    t,
    `import sys
def app(e, s):
  w = s("200 OK", [])
  if e["PATH_INFO"] == "/late": w(b"sent")
  try: 1 / 0
  except ZeroDivisionError: s("503 Sorry", [("x", "y")], sys.exc_info())
  return [b"sorry"]
`,
  );
  const early = await leaf.call();
  assert.deepEqual([early.status, early.headers, String(early.body)], [503, [['x', 'y']], 'sorry']);
  const late = await leaf.call({ head: { path: '/late' } });
  assert.deepEqual(
    [late.status, String(late.body), late.broken, late.logs.at(-1)?.[1]],
    [200, 'sent', true, 'ZeroDivisionError: division by zero'],
  );
});

test('close() is called once, also after an error in the midst of it; what it raises goes to the log', async (t) => {
  const leaf = await leafOf(
    t,
    `closed = []
class Body:
  def __init__(self, path): self.path = path
  def __iter__(self):
    yield b"a"
    if self.path == "/break": 1 / 0
  def close(self):
    closed.append(self.path)
    if self.path == "/raise": raise ValueError("in close")
def app(e, s):
  s("200 OK", [])
  return [" ".join(closed).encode()] if e["PATH_INFO"] == "/closed" else Body(e["PATH_INFO"])
`,
  );
  const broken = [];
  for (const path of ['/a', '/break', '/raise']) broken.push((await leaf.call({ head: { path } })).broken);
  assert.deepEqual(broken, [false, true, false]);
  assert.equal(String((await leaf.call({ head: { path: '/closed' } })).body), '/a /break /raise');
  leaf.process.kill('SIGKILL');
  assert.match(await leaf.stderr, /ValueError: in close/);
});

test('wsgi.errors is the log', async (t) => {
  const leaf = await leafOf(t, validated(`def app(e, s):\n  e["wsgi.errors"].write("a\\n")\n  e["wsgi.errors"].writelines(["b\\n"])\n  e["wsgi.errors"].flush()\n  s("200 OK", [("Content-Type", "text/plain")])\n  return []\n`)); // biome-ignore format: one line
  await leaf.call({ head: { method: 'GET' } });
  leaf.process.kill('SIGKILL');
  assert.match(await leaf.stderr, /a\nb\n/);
});
