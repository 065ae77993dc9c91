// async def f, and what else has to be awaited.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { frame, leafOf, windowBytes } from './leaf.ts';

const results: Readonly<Record<string, readonly [source: string, pieces: readonly string[]]>> = {
  'async def f': ['import asyncio\nasync def f(event):\n  await asyncio.sleep(0)\n  return event\n', ['{"x": 1}']],
  'async def f with a context': ['async def f(event, context):\n  return [event, context.method, context.body.decode()]\n', ['[{"x": 1}, "POST", "{\\"x\\": 1}"]']],
  'a response': ['async def f(event, context):\n  return context.response("made", 201)\n', ['made']],
  'an asynchronous generator': ['import asyncio\nasync def f(event):\n  for c in "ab":\n    yield c\n    await asyncio.sleep(0)\n', ['a', 'b']],
  'a generator in a response': ['async def f(event, context):\n  return context.response(c for c in ("a", "b"))\n', ['a', 'b']],
  'a callable with an asynchronous __call__': ['class F:\n  async def __call__(self, event): return event["x"]\nf = F()\n', ['1']],
  'a function that returns a coroutine': ['async def g(event): return event["x"]\ndef f(event): return g(event)\n', ['1']],
  'a function that returns an asynchronous generator': ['async def g(event):\n  yield "a"\n  yield "b"\ndef f(event): return g(event)\n', ['a', 'b']],
}; // biome-ignore format: a table
for (const [what, [source, pieces]] of Object.entries(results)) {
  for (const concurrency of [1, 4]) {
    test(`${what}, ${concurrency} at a time`, async (t) => {
      const leaf = await leafOf(t, source);
      leaf.setup({ concurrency });
      for (let i = 0; i < 3; i++) assert.deepEqual((await leaf.call({ body: '{"x": 1}' })).pieces, pieces);
    });
  }
}

test('what it raises, what is no event, what JSON cannot say', async (t) => {
  const leaf = await leafOf(t, 'async def f(event):\n  if event == 1: raise KeyError("x")\n  return {1}\n');
  const raised = await leaf.call({ body: '1' });
  assert.deepEqual([raised.status, raised.error], [500, 'handler-raised']);
  assert.match(String(raised.body), /^Traceback \(most recent call last\):\n {2}File ".*\/f.py", line 2, in f\n.*KeyError: 'x'\n$/s);
  assert.equal((await leaf.call({ body: '{' })).error, 'event-invalid');
  assert.match(String((await leaf.call()).body), /reply is a set/);
});

test('an error in the midst of an asynchronous stream cuts it', async (t) => {
  const leaf = await leafOf(t, 'async def f(event):\n  yield "begun"\n  1 / 0\n');
  const answer = await leaf.call();
  assert.deepEqual([answer.pieces, answer.broken, answer.logs.at(-1)], [['begun'], true, [1, 'ZeroDivisionError: division by zero']]);
});

test('requests run at the same time: one waits for the other', async (t) => {
  const leaf = await leafOf(
    t,
    'import asyncio\nmet = asyncio.Event()\nasync def f(event):\n  if event: met.set()\n  else: await met.wait()\n  return event\n',
  );
  leaf.setup({ concurrency: 2 });
  const first = leaf.ask({ body: '{}' });
  const second = leaf.ask({ body: '1' });
  assert.equal(String((await leaf.answer(first)).body), '{}');
  assert.equal(String((await leaf.answer(second)).body), '1');
});

test('what was begun in the background goes on between requests', async (t) => {
  const leaf = await leafOf(
    t,
    'import asyncio\ntask = None\nasync def later(c):\n  c.log("begun")\n  await asyncio.sleep(0)\n  return "done"\nasync def f(event, c):\n  global task\n  if task: return await task\n  task = asyncio.ensure_future(later(c))\n  await asyncio.sleep(0)\n',
  );
  await leaf.call();
  assert.equal(String((await leaf.call()).body), '"done"');
});

test('a slow reader of one stream holds up neither another nor more than a window', async (t) => {
  const leaf = await leafOf(t, 'async def f(event):\n  for i in range(event["pieces"]): yield b"x" * 65536\n');
  leaf.setup({ concurrency: 2 });
  const slow = leaf.ask({ body: '{"pieces": 100}' });
  for (let sent = 0; sent < windowBytes; ) sent += (await leaf.next((f) => f.request === slow && f.type === frame.body)).payload.length;
  assert.equal((await leaf.call({ body: '{"pieces": 20}' })).body.length, 20 * 65536);
  leaf.used(slow, windowBytes);
  assert.equal((await leaf.answer(slow)).body.length, 100 * 65536 - windowBytes);
});

test('a cancelled request: its task ends, the others go on', async (t) => {
  const leaf = await leafOf(
    t,
    'import asyncio\nasync def f(event, c):\n  try:\n    c.log("begun")\n    await asyncio.sleep(1000 if event else 0)\n    return "through"\n  finally: c.log("finally")\n',
  );
  leaf.setup({ concurrency: 2 });
  const number = leaf.ask({ body: '1' });
  await leaf.next((f) => f.type === frame.log);
  leaf.cancel(number);
  const ended = await leaf.answer(number);
  assert.deepEqual([ended.body.length, ended.logs], [0, [[3, 'finally']]]);
  assert.equal(String((await leaf.call()).body), '"through"');
});

test('a request that is cancelled before its task has begun', async (t) => {
  const leaf = await leafOf(t, 'calls = 0\nasync def f(event):\n  global calls\n  calls += 1\n  return calls\n');
  leaf.setup({ concurrency: 2 });
  await leaf.call();
  const whole: Buffer[] = [];
  const write = t.mock.method(leaf, 'write', (bytes: Buffer) => void whole.push(bytes));
  const number = leaf.ask();
  leaf.send(frame.cancel, number, Buffer.alloc(0));
  write.mock.restore();
  leaf.write(Buffer.concat(whole));
  assert.equal((await leaf.answer(number)).body.length, 0);
  assert.equal(String((await leaf.call()).body), '2');
});

test('STREAM_BODY: read in the loop, and in a thread that leaves the loop free', async (t) => {
  const leaf = await leafOf(
    t,
    `import asyncio
STREAM_BODY = True
async def f(event, context):
  c.append(context)
  if context.path == "/thread": return (await asyncio.get_running_loop().run_in_executor(None, context.stream.read)).decode()
  return context.stream.read().decode()
c = []
`,
  );
  leaf.setup({ concurrency: 2 });
  for (const path of ['/thread', '/loop']) {
    const number = leaf.ask({ head: { path }, body: 'a', last: false });
    leaf.body(number, 'b', false);
    if (path === '/thread') assert.equal(String((await leaf.call({ head: { path: '/loop' }, body: 'other' })).body), '"other"');
    leaf.body(number, 'c', true);
    assert.equal(String((await leaf.answer(number)).body), '"abc"');
  }
});

test('exit() ends the process with that status', async (t) => {
  const leaf = await leafOf(t, 'async def f(event):\n  exit(7)\n');
  const exit = new Promise((resolve) => leaf.process.once('exit', resolve));
  leaf.ask();
  assert.equal(await exit, 7);
});

test('asyncio is imported only where it is needed', async (t) => {
  const leaf = await leafOf(t, 'import sys\ndef f(event, c):\n  return [name for name in ("asyncio", "inspect") if name in sys.modules]\n');
  assert.equal(String((await leaf.call({ head: { path: '/%20', query: 'a=%20' } })).body), '[]');
});
