// Several requests at a time for functions and WSGI applications: threads.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { frame, type Leaf, leafOf, windowBytes } from './leaf.ts';

async function several(t: TestContext, source: string, concurrency = 3): Promise<Leaf> {
  const leaf = await leafOf(t, source);
  leaf.setup({ concurrency });
  return leaf;
}

test('requests meet', async (t) => {
  const leaf = await several(t, 'import threading\nmet = threading.Barrier(3)\ndef f(event):\n  met.wait()\n  return event\n');
  for (let round = 0; round < 3; round++) {
    const numbers = [1, 2, 3].map((n) => leaf.ask({ body: `${n}` }));
    assert.deepEqual(await Promise.all(numbers.map(async (n) => String((await leaf.answer(n)).body))), ['1', '2', '3']);
  }
});

test('no more threads than requests at a time, and no more than there have to be', async (t) => {
  const leaf = await several(
    t,
    'import threading\nhere = threading.Barrier(3)\nnames = set()\ndef f(event):\n  names.add(threading.get_ident())\n  if event: here.wait()\n  return len(names)\n',
  );
  for (let i = 0; i < 10; i++) await leaf.call();
  assert.equal(String((await leaf.call()).body), '1');
  for (let round = 0; round < 5; round++) {
    const numbers = [leaf.ask({ body: '1' }), leaf.ask({ body: '1' }), leaf.ask({ body: '1' })];
    for (const number of numbers) await leaf.answer(number);
  }
  assert.equal(String((await leaf.call()).body), '3');
});

test('bodies that come interleaved go to whom they belong', async (t) => {
  const leaf = await several(t, 'STREAM_BODY = True\ndef f(event, c):\n  for line in c.stream: yield line\n');
  const numbers = [0, 1, 2].map(() => leaf.ask({ last: false }));
  for (let i = 0; i < 100; i++) for (const n of numbers) leaf.body(n, `${n}:${i}\n`, i === 99);
  for (const n of numbers) {
    assert.equal(String((await leaf.answer(n)).body), Array.from({ length: 100 }, (_, i) => `${n}:${i}\n`).join(''));
  }
});

test('a slow reader holds up its own request only', async (t) => {
  const leaf = await several(t, 'def f(event):\n  return b"x" * event\n');
  const slow = leaf.ask({ body: `${windowBytes * 2}` });
  await leaf.next((f) => f.type === frame.body && f.request === slow);
  assert.equal((await leaf.call({ body: `${windowBytes * 3}` })).body.length, windowBytes * 3);
  leaf.used(slow, windowBytes);
  assert.equal((await leaf.answer(slow)).body.length, windowBytes);
});

test('a WSGI application is told that there are threads', async (t) => {
  const leaf = await several(t, 'def app(e, s):\n  s("200 OK", [])\n  return [str(e["wsgi.multithread"]).encode()]\n');
  assert.equal(String((await leaf.call()).body), 'True');
});

const busy: Readonly<Record<string, string>> = {
  computes: 'def g(c):\n  while True: pass\n',
  'waits for its body': 'def g(c):\n  c.stream.read()\n',
  'waits for its window': 'import itertools\ndef g(c):\n  return c.response(itertools.repeat(b"x" * 65536))\n',
  awaits: 'import asyncio\nasync def g(c):\n  await asyncio.sleep(1000)\n',
};
for (const [what, source] of Object.entries(busy)) {
  test(`a request that ${what} is cancelled, the others are not`, async (t) => {
    const leaf = await several(
      t,
      `${source}STREAM_BODY = True\ndef f(event, c):\n  if c.path == "/other":\n    c.stream.read()\n    return "other"\n  c.log("begun")\n  return g(c)\n`,
    );
    const other = leaf.ask({ head: { path: '/other' }, last: false });
    const number = leaf.ask({ last: false });
    await leaf.next((f) => f.type === frame.log);
    leaf.cancel(number);
    await leaf.next((f) => f.type === frame.end && f.request === number);
    leaf.body(other, '', true);
    assert.equal(String((await leaf.answer(other)).body), '"other"');
    assert.equal(String((await leaf.call({ head: { path: '/other' } })).body), '"other"');
  });
}

test('requests cancelled at any moment: each ends once, none hits another', async (t) => {
  const leaf = await several(t, 'def f(event):\n  return b"x" * event["size"] if event["mine"] else sum(range(event["size"]))\n');
  for (let i = 0; i < 200; i++) {
    const numbers = [0, 1].map(() => leaf.ask({ body: JSON.stringify({ mine: i % 2 === 0, size: i * 97 }) }));
    const kept = leaf.ask({ body: '{"mine": false, "size": 5}' });
    for (let turns = i % 7; turns > 0; turns--) await new Promise(setImmediate);
    for (const number of numbers) leaf.cancel(number);
    for (const number of numbers) await leaf.answer(number);
    assert.equal(String((await leaf.answer(kept)).body), '10');
  }
});

test('what a request raises, and exit() in one', async (t) => {
  const leaf = await several(t, 'def f(event):\n  if event == 1: raise KeyError("x")\n  exit(event)\n');
  assert.match(String((await leaf.call({ body: '1' })).body), /KeyError: 'x'/);
  const exit = new Promise((resolve) => leaf.process.once('exit', resolve));
  leaf.ask({ body: '7' });
  assert.equal(await exit, 7);
});

test('when the worker hangs up the leaf ends, though requests are under way', async (t) => {
  const leaf = await several(t, 'import time\ndef f(event, c):\n  c.log("begun")\n  time.sleep(1000)\n');
  leaf.ask();
  await leaf.next((f) => f.type === frame.log);
  assert.equal(await leaf.hangUp(), 0);
});

test('a cancellation that comes while the reply is sent does not end the request twice', async (t) => {
  // The reader of the channel has found the request, and comes to interrupt it when its end has just been written.
  const leaf = await several(
    t,
    `class Late:
  def __init__(self, exchange): self.exchange, self.socket = exchange, exchange.channel.socket
  def __getattr__(self, name): return getattr(self.socket, name)
  def sendall(self, data):
    self.exchange.channel.socket = self.socket
    self.socket.sendall(data)
    self.exchange.hear(7, 0, b"")
def f(event, context):
  if event: context._exchange.channel.socket = Late(context._exchange)
  return "done"
`,
  );
  const late = leaf.ask({ body: '1' });
  assert.equal(String((await leaf.answer(late)).body), '"done"');
  assert.equal(String((await leaf.call()).body), '"done"');
  await leaf.hangUp();
  await assert.rejects(
    leaf.next(({ type, request }) => type === frame.end && request === late),
    /the leaf has ended/,
  );
});

test('where the limit of processes allows no more threads, requests wait for those that are there', async (t) => {
  const leaf = await several(
    t,
    `import threading
start, started = threading.Thread.start, []
def limited(thread):
  if len(started) == 2: raise RuntimeError("can't start new thread")
  started.append(thread)
  start(thread)
threading.Thread.start = limited
def f(event): return len(started)
`,
    8,
  );
  const asked = Array.from({ length: 8 }, () => leaf.ask({ last: false }));
  for (const number of asked) leaf.body(number, '', true);
  for (const number of asked) assert.equal((await leaf.answer(number)).status, 200);
});
