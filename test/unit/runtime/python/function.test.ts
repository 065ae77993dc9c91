// f(event): what it is given, what may be returned, what goes wrong.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { leafOf, startLeaf } from './leaf.ts';

const returning = (expression: string): string => `def f(event):\n  return ${expression}\n`;

const json: Readonly<Record<string, readonly [returned: string, body: string]>> = {
  'a dict': ['{"a": [1, None, True]}', '{"a": [1, null, true]}'],
  'a str, as JSON': ['"x"', '"x"'],
  None: ['None', 'null'],
  'a subclass of dict': ['__import__("collections").OrderedDict(a=1)', '{"a": 1}'],
};
for (const [what, [returned, body]] of Object.entries(json)) {
  test(`f returns ${what}: one frame, 200, JSON`, async (t) => {
    const leaf = await leafOf(t, returning(returned));
    const answer = await leaf.call();
    assert.deepEqual([answer.status, answer.headers, String(answer.body), answer.loaded], [200, undefined, body, true]);
    assert.equal((await leaf.call()).loaded, false);
  });
}

const unsayable: Readonly<Record<string, readonly [returned: string, message: RegExp]>> = {
  NaN: ['{"rows": [1.0, float("nan")]}', /reply\['rows'\]\[1\] is nan, for which JSON has no number/],
  'an infinite key': ['{float("inf"): 1}', /a key of reply is inf/],
  'a set': ['{"a": {1}}', /TypeError: .*reply\['a'\] is a set/],
  'bytes within a list': ['[b"x"]', /reply\[0\] is a bytes/],
  'a tuple as key': ['{(1, 2): 3}', /a key of reply is a tuple: \(1, 2\)/],
  'a list that holds itself': ['(lambda l: l.append(l) or l)([])', /is nested too deeply, or within itself/],
  'a class': ['object', /reply is a type/],
};
for (const [what, [returned, message]] of Object.entries(unsayable)) {
  test(`f returns ${what}: 500 that tells where, and the next call works`, async (t) => {
    const leaf = await leafOf(t, `def f(event):\n  return ${returned} if event else 1\n`);
    const answer = await leaf.call({ body: '1' });
    assert.deepEqual([answer.status, answer.error], [500, 'handler-raised']);
    assert.match(String(answer.body), message);
    assert.equal(String((await leaf.call()).body), '1');
  });
}

const streams: Readonly<Record<string, readonly [source: string, type: string, pieces: readonly string[]]>> = {
  'str in a generator': ['  yield "a"\n  yield "ü"\n', 'text/plain; charset=utf-8', ['a', 'ü']],
  'bytes in a generator': ['  yield b"a"\n  yield bytearray(b"b")\n', 'application/octet-stream', ['a', 'b']],
  'bytes of an iterator': ['  return map(bytes, [[65], [66]])\n', 'application/octet-stream', ['A', 'B']],
  'a generator without chunks': ['  return\n  yield\n', 'application/octet-stream', []],
  bytes: ['  return b"\\xff"\n', 'application/octet-stream', ['\ufffd']],
};
for (const [what, [source, type, pieces]] of Object.entries(streams)) {
  test(`f gives ${what}: piece by piece, as ${type}`, async (t) => {
    const leaf = await leafOf(t, `def f(event):\n${source}`);
    const answer = await leaf.call();
    assert.deepEqual([answer.status, answer.headers, answer.pieces], [200, [['content-type', type]], pieces]);
  });
}

test('a chunk that is neither str nor bytes before any other: 500', async (t) => {
  const leaf = await leafOf(t, 'def f(event):\n  yield {"a": 1}\n');
  const answer = await leaf.call();
  assert.deepEqual([answer.status, answer.error, answer.broken], [500, 'handler-raised', false]);
  assert.match(String(answer.body), /a streamed reply is made of str or bytes, not of dict: \{'a': 1\}/);
});

test('an error in the midst of a stream: what was sent stands, the log has the traceback, the reply is cut', async (t) => {
  const leaf = await leafOf(t, 'def f(event):\n  yield "begun"\n  1 / 0\n');
  const answer = await leaf.call();
  assert.deepEqual([answer.status, answer.pieces, answer.broken], [200, ['begun'], true]);
  assert.deepEqual(answer.logs[0], [1, 'Traceback (most recent call last):']);
  assert.deepEqual(answer.logs.at(-1), [1, 'ZeroDivisionError: division by zero']);
});

test('a body that is not JSON: 400, f is not called', async (t) => {
  const leaf = await leafOf(t, 'def f(event):\n  raise Exception("called")\n');
  for (const body of ['{', '\xff\xfe\xfd', '['.repeat(200_000)]) {
    const { status, error } = await leaf.call({ body });
    assert.deepEqual([status, error], [400, 'event-invalid']);
  }
});

test('who takes no context asks for no more heads, and can do without', async (t) => {
  const leaf = await leafOf(t, 'def f(event):\n  return (str(i) for i in range(event)) if event else event\n');
  assert.equal((await leaf.call({ body: '0' })).headless, true);
  for (const [body, last, reply] of [
    ['0', true, '0'],
    ['2', true, '01'],
    ['', false, '{}'],
  ] as const) {
    const number = leaf.ask({ head: null, body, last });
    if (!last) leaf.body(number, '', true);
    assert.equal(String((await leaf.answer(number)).body), reply);
  }
  const told = await leafOf(t, 'def f(event, context):\n  return context.method\n');
  assert.equal((await told.call()).headless, false);
});

test('what f raises comes as traceback without the frames of the runtime', async (t) => {
  const leaf = await leafOf(t, 'def f(event):\n  raise KeyError("x")\n');
  const answer = await leaf.call();
  assert.deepEqual([answer.status, answer.error], [500, 'handler-raised']);
  assert.match(String(answer.body), /^Traceback \(most recent call last\):\n {2}File ".*\/f.py", line 2, in f\n.*KeyError: 'x'\n$/s);
  assert.doesNotMatch(String(answer.body), /leaf\.py|serving\.py/);
});

test('a module that cannot be imported: 500 each time, and it is tried again', async (t) => {
  const leaf = await leafOf(t, 'import os\nif not os.environ.pop("BROKEN", None): f = lambda event: "mended"\nelse: 1 / 0\n', {
    BROKEN: '1',
  });
  assert.match(String((await leaf.call()).body), /ZeroDivisionError/);
  assert.equal(String((await leaf.call()).body), '"mended"');
});

test('load only: the handler is imported, nothing is called', async (t) => {
  const leaf = await leafOf(t, 'def f(event):\n  raise Exception("called")\n');
  const answer = await leaf.call({ loadOnly: true });
  assert.deepEqual([answer.status, answer.loaded, answer.body.length], [200, true, 0]);
  const broken = await leafOf(t, 'import no_such_module\n');
  assert.match(String((await broken.call({ loadOnly: true })).body), /No module named 'no_such_module'/);
});

test('exit() in a handler ends the process with that status', async (t) => {
  const leaf = await leafOf(t, 'def f(event):\n  exit(7)\n');
  const exit = new Promise((resolve) => leaf.process.once('exit', resolve));
  leaf.ask();
  assert.equal(await exit, 7);
});

test('when the worker hangs up the leaf ends', async (t) => {
  const leaf = await leafOf(t, returning('1'));
  await leaf.call();
  assert.equal(await leaf.hangUp(), 0);
});

test("a lambda's own modules are found where the runtime has some of the same name", async (t) => {
  const names = ['wsgi', 'asgi', 'context', 'channel', 'leaf', 'handler', 'reply', 'exchange', 'entry', 'cancel'];
  const leaf = await startLeaf(t, {
    files: {
      'f.py': `${names.map((name) => `import ${name}`).join('\n')}\ndef f(event): return [m.mine for m in (${names.join(', ')})]\n`,
      ...Object.fromEntries(names.map((name) => [`${name}.py`, `mine = "${name}"\n`])),
    },
  });
  assert.deepEqual(JSON.parse(String((await leaf.call()).body)), names);
});

test('what f prints is out before its reply', async (t) => {
  const leaf = await leafOf(t, 'def f(event):\n  print("said", event, end="")\n');
  await leaf.call({ body: '1' });
  leaf.process.kill('SIGKILL');
  assert.equal(await leaf.stdout, 'said 1');
});
