// Bodies under their windows, and frames cut anywhere.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { frame, leafOf, startLeaf, windowBytes } from './leaf.ts';

const measure = 'def f(event):\n  return len(event)\n';
const big = (bytes: number): string => `def f(event):\n  return b"x" * ${bytes}\n`;

test('a body that comes in pieces of any size is put together', async (t) => {
  const leaf = await leafOf(t, 'def f(event):\n  return event\n');
  const event = { text: 'ü'.repeat(500), list: [1, 2, 3] };
  const bytes = Buffer.from(JSON.stringify(event));
  for (const size of [1, 7, 500, bytes.length - 1, bytes.length]) {
    const number = leaf.ask({ body: bytes.subarray(0, size), last: false });
    for (let at = size; at < bytes.length; at += size) leaf.body(number, bytes.subarray(at, at + size), false);
    leaf.body(number, '', true);
    assert.deepEqual(JSON.parse(String((await leaf.answer(number)).body)), event);
  }
});

test('frames that are cut at every byte', async (t) => {
  const leaf = await leafOf(t, 'def f(event):\n  return event\n');
  const whole: Buffer[] = [];
  const write = t.mock.method(leaf, 'write', (bytes: Buffer) => void whole.push(bytes));
  leaf.setup({ environment: { A: 'b' } });
  const first = leaf.ask({ body: '"on', last: false });
  leaf.body(first, 'e"', true);
  leaf.send(frame.window, first, Buffer.from([1, 0, 0, 0]));
  leaf.send(frame.cancel, first + 100, Buffer.alloc(0));
  const second = leaf.ask({ body: '2' });
  write.mock.restore();
  const dribble = async (bytes: Buffer): Promise<void> => {
    for (const byte of bytes) {
      leaf.write(Buffer.from([byte]));
      await new Promise(setImmediate);
    }
  };
  await dribble(Buffer.concat(whole.slice(0, -1)));
  assert.equal(String((await leaf.answer(first)).body), '"one"');
  await dribble(Buffer.concat(whole.slice(-1)));
  assert.equal(String((await leaf.answer(second)).body), '2');
});

test('the leaf tells what it has used up of a body, each time that is half a window', async (t) => {
  const leaf = await leafOf(t, measure);
  const half = windowBytes / 2;
  const number = leaf.ask({ body: Buffer.from(`"${'x'.repeat(half - 1)}`), last: false });
  for (let i = 0; i < 10; i++) {
    const { payload } = await leaf.next((f) => f.type === frame.window && f.request === number);
    assert.equal(payload.readUInt32LE(0), half);
    leaf.body(number, 'x'.repeat(half), false);
  }
  leaf.body(number, '"', true);
  assert.equal(String((await leaf.answer(number)).body), `${11 * half - 1}`);
});

test('a reply that is whole tells with its head when the handler was through', async (t) => {
  const leaf = await leafOf(t, 'def f(event):\n  return b"x"\n');
  const number = leaf.ask({ body: '1' });
  const { payload } = await leaf.next((f) => f.type === frame.reply && f.request === number);
  const [received, handled] = [payload.readBigUInt64LE(16), payload.readBigUInt64LE(32)];
  assert.ok(received > 0n && handled >= received, `${received} ${handled}`);
});

test('no more of a reply is sent than the window allows, and the rest when more is allowed', async (t) => {
  const total = windowBytes * 2 + 5;
  for (const source of [
    big(total),
    `def f(event):\n  return "x" * ${total - 2}\n`,
    `def f(event):\n  for i in range(${total}): yield b"x"\n`,
  ]) {
    const leaf = await leafOf(t, source);
    const number = leaf.ask();
    const ofReply = (f: { type: number; request: number }): boolean => f.type === frame.body || f.type === frame.end;
    let sent = 0;
    while (sent < windowBytes) sent += (await leaf.next(ofReply)).payload.length;
    assert.equal(sent, windowBytes);
    leaf.used(number, 1);
    assert.equal((await leaf.next(ofReply)).payload.length, 1);
    leaf.used(number, windowBytes);
    const rest = await leaf.answer(number);
    assert.equal(rest.body.length, windowBytes + 4);
  }
});

test('a reply that begins keeps its head together with its first piece', async (t) => {
  const leaf = await leafOf(t, big(windowBytes + 1));
  const answer = await leaf.call();
  assert.deepEqual(
    [answer.status, answer.body.length, answer.headers],
    [200, windowBytes + 1, [['content-type', 'application/octet-stream']]],
  );
});

test('frames for a request that is over are ignored', async (t) => {
  const leaf = await leafOf(t, measure);
  const over = leaf.ask({ body: '[1]' });
  await leaf.answer(over);
  leaf.used(over, 100);
  leaf.body(over, 'late', true);
  leaf.cancel(over);
  assert.equal(String((await leaf.call({ body: '[1, 2]' })).body), '2');
});

test('a body that nobody reads does not keep the reply', async (t) => {
  const leaf = await leafOf(t, 'STREAM_BODY = True\ndef f(event, context):\n  return event\n');
  const number = leaf.ask({ body: 'x'.repeat(1000), last: false });
  assert.equal(String((await leaf.answer(number)).body), '{}');
  leaf.body(number, 'more', true);
  assert.equal(String((await leaf.call()).body), '{}');
});

test('what takes bodies as they come says so when it is loaded, what takes them whole does not', async (t) => {
  const streaming = {
    'f.py': 'STREAM_BODY = True\ndef f(event, context):\n  return len(context.stream.read())\n',
    'app.py': 'async def app(scope, receive, send):\n  pass\n',
  };
  for (const entry of ['f.py', 'app.py']) {
    const leaf = await startLeaf(t, { files: streaming, environment: { OL_ENTRY_FILE: entry } });
    const number = leaf.ask({ last: false });
    assert.equal((await leaf.next((f) => f.request === number)).type, frame.ready, entry);
  }
  const leaf = await leafOf(t, measure);
  const number = leaf.ask({ body: '[1]' });
  assert.equal((await leaf.next((f) => f.request === number)).type, frame.end);
});
