// A request that nobody waits for any more: the frame and SIGURG, at one request at a time.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { frame, type Leaf, leafOf } from './leaf.ts';

/** Starts f, waits until it logs `begun`, cancels, and gives the reply. */
async function cancelled(
  t: TestContext,
  source: string,
  ask: Parameters<Leaf['ask']>[0] = {},
): Promise<{ leaf: Leaf; logs: string[]; body: string }> {
  const leaf = await leafOf(t, source);
  const number = leaf.ask(ask);
  await leaf.next((f) => f.type === frame.log);
  leaf.cancel(number);
  const { body, logs } = await leaf.answer(number);
  return { leaf, body: String(body), logs: logs.map(([, line]) => line) };
}

const handlers: Readonly<Record<string, string>> = {
  'that sleeps':
    'import time\ndef f(event, c):\n  if event: return "next"\n  try:\n    c.log("begun")\n    time.sleep(1000)\n  finally: c.log("finally")\n',
  'that computes':
    'def f(event, c):\n  if event: return "next"\n  try:\n    c.log("begun")\n    while True: pass\n  finally: c.log("finally")\n',
  'that catches every Exception':
    'import time\ndef f(event, c):\n  if event: return "next"\n  try:\n    c.log("begun")\n    while True:\n      try: time.sleep(1000)\n      except Exception: pass\n  finally: c.log("finally")\n',
  'that waits for a process':
    'import subprocess\ndef f(event, c):\n  if event: return "next"\n  with subprocess.Popen(["cat"], stdin=subprocess.PIPE) as p:\n    try:\n      c.log("begun")\n      p.wait()\n    finally: c.log("finally")\n',
  'that awaits':
    'import asyncio\nasync def g(c):\n  try:\n    c.log("begun")\n    await asyncio.sleep(1000)\n  finally: c.log("finally")\ndef f(event, c):\n  return "next" if event else g(c)\n',
};
for (const [which, source] of Object.entries(handlers)) {
  test(`a handler ${which} is interrupted, its finally blocks run, the next request is answered`, async (t) => {
    const { leaf, logs, body } = await cancelled(t, source);
    assert.deepEqual([logs, body], [['finally'], '']);
    assert.equal(String((await leaf.call({ body: '1' })).body), '"next"');
  });
}

test('a generator is closed', async (t) => {
  const { leaf } = await cancelled(
    t,
    'import time\nclosed = []\ndef f(event, c):\n  return g(c) if not event else closed\ndef g(c):\n  try:\n    yield "a"\n    c.log("begun")\n    time.sleep(1000)\n  finally: closed.append("closed")\n',
  );
  assert.equal(String((await leaf.call({ body: '1' })).body), '["closed"]');
});

test('an iterator in a response is closed when it waits for the window', async (t) => {
  const leaf = await leafOf(
    t,
    'closed = []\nclass Chunks:\n  def __next__(self): return b"x" * 65536\n  def __iter__(self): return self\n  def close(self): closed.append(1)\ndef f(event):\n  return closed if event else Chunks()\n',
  );
  const number = leaf.ask();
  for (let i = 0; i < 4; i++) await leaf.next((f) => f.type === frame.body);
  leaf.cancel(number);
  await leaf.next((f) => f.type === frame.end && f.request === number);
  assert.equal(String((await leaf.call({ body: '1' })).body), '[1]');
});

test('a handler that waits for its body is interrupted by the frame alone', async (t) => {
  const leaf = await leafOf(t, 'STREAM_BODY = True\ndef f(event, c):\n  c.log("begun")\n  c.stream.read()\n');
  const number = leaf.ask({ last: false });
  await leaf.next((f) => f.type === frame.log);
  leaf.send(frame.cancel, number, Buffer.alloc(0));
  assert.equal(String((await leaf.answer(number)).body), '');
});

test('f is not called when its request is cancelled while the body comes', async (t) => {
  const leaf = await leafOf(t, 'calls = 0\ndef f(event):\n  global calls\n  calls += 1\n  return calls\n');
  const number = leaf.ask({ body: '"x', last: false });
  leaf.cancel(number);
  assert.equal(String((await leaf.answer(number)).body), '');
  assert.equal(String((await leaf.call()).body), '1');
});

test('a handler is loaded to its end, and not called', async (t) => {
  const leaf = await leafOf(
    t,
    'import os, signal\nos.kill(os.getpid(), signal.SIGURG)\nloaded = sum(range(100000))\ncalls = 0\ndef f(event):\n  global calls\n  calls += 1\n  return [loaded, calls]\n',
  );
  assert.equal(String((await leaf.call()).body), '');
  assert.equal(String((await leaf.call()).body), '[4999950000, 1]');
});

test('a second signal does not disturb the finally blocks', async (t) => {
  const { leaf, logs } = await cancelled(
    t,
    'import os, signal, time\ndef f(event, c):\n  if event: return "next"\n  try:\n    c.log("begun")\n    time.sleep(1000)\n  finally:\n    os.kill(os.getpid(), signal.SIGURG)\n    sum(range(100000))\n    c.log("finally")\n',
  );
  assert.deepEqual(logs, ['finally']);
  assert.equal(String((await leaf.call({ body: '1' })).body), '"next"');
});

test('signals when nothing is under way hit nobody, before, between and after requests', async (t) => {
  const leaf = await leafOf(t, 'def f(event):\n  return sum(range(1000))\n');
  for (let i = 0; i < 300; i++) {
    leaf.process.kill('SIGURG');
    assert.equal(String((await leaf.call()).body), '499500');
  }
});

test('requests cancelled at any moment: each ends once, none hits the next', async (t) => {
  const leaf = await leafOf(t, 'def f(event, c):\n  return b"x" * event["size"] if event["mine"] else sum(range(event["size"]))\n');
  for (let i = 0; i < 300; i++) {
    const number = leaf.ask({ body: JSON.stringify({ mine: i % 2 === 0, size: i * 97 }) });
    for (let turns = i % 7; turns > 0; turns--) await new Promise(setImmediate);
    leaf.cancel(number);
    await leaf.answer(number);
    assert.equal(String((await leaf.call({ body: '{"mine": false, "size": 5}' })).body), '10');
  }
});

test('a WSGI iterable is closed', async (t) => {
  const { leaf } = await cancelled(
    t,
    `import time
closed = []
class Chunks:
  def __init__(self, log): self.log = log
  def __iter__(self):
    yield b"a"
    self.log("begun")
    time.sleep(1000)
  def close(self): closed.append("closed")
def app(environ, start_response):
  start_response("200 OK", [])
  if environ["PATH_INFO"] == "/closed": return [",".join(closed).encode()]
  return Chunks(lambda text: environ["wsgi.input"].raw._exchange.log(text.encode(), 3))
`,
  );
  assert.equal(String((await leaf.call({ head: { path: '/closed' } })).body), 'closed');
});
