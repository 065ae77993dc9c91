// Bodies that stream, both ways, through a whole worker: what is large stays in neither end's memory, what is slow holds up nobody else.
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { type ClientRequest, type IncomingMessage, request } from 'node:http';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { fronts } from './backends.ts';
import { streamed as echo } from './lambdas.ts';
import { needsRoot, startWorker, suiteOwner, type Worker } from './worker.ts';

const mib = 1 << 20;

/** Sends for ever, and tells how far it has come. */
const flood = `def f(event, context):
  def chunks():
    sent = 0
    try:
      while True:
        yield bytes(65536)
        sent += 65536
        if sent % (1 << 20) == 0: context.log(f"sent {sent}")
    finally:
      context.log("closed")
  return context.response(chunks())
`;
/** An event for each line of the body. */
const events = `STREAM_BODY = True
def f(event, context):
  def chunks():
    yield "data: begun\\n\\n"
    while line := context.stream.readline():
      yield f"data: {line.decode().strip()}\\n\\n"
  return context.response(chunks(), headers={"content-type": "text/event-stream"})
`;
const broken = `def f(event, context):
  def chunks():
    yield "half"
    raise RuntimeError("no more")
  return context.response(chunks())
`;
const count = 'def f(event): return len(event["text"])\n';

for (const { title, needs, start: startWorker } of fronts) {
  describe(`bodies stream, ${title}`, needs, () => {
    const owner = suiteOwner();
    let started: Promise<Worker> | undefined;
    const worker = (): Promise<Worker> => {
      const lambdas = { echo, flood, events, broken, count };
      started ??= startWorker(owner, { lambdas, config: { limits: { body_mb: 512, mem_mb: 64 }, freeze_after_ms: 60_000 } });
      return started;
    };

    test('128 MiB go through an echo and come back as they were, and the worker does not grow by half as much', async () => {
      const w = await worker();
      const size = 128;
      const chunk = randomBytes(mib);
      const [sent, got] = [createHash('sha256'), createHash('sha256')];
      await w.call('echo', Buffer.alloc(mib), { path: '/run/echo' });
      const before = resident(w);
      const { asked, reply } = await open(w, '/run/echo');
      for (let i = 0; i < size; i++) {
        sent.update(chunk);
        if (!asked.write(chunk)) await once(asked, 'drain');
        if (i === 0) void reply.then((r) => r.on('data', (d: Buffer) => got.update(d)));
      }
      asked.end();
      await once(await reply, 'end');
      assert.equal(got.digest('hex'), sent.digest('hex'));
      const grown = resident(w) - before;
      assert.ok(grown < (size / 2) * mib, `it grew by ${Math.round(grown / mib)} MiB`);
    });

    test('a client that does not read makes the lambda wait, and one that goes away ends it; the instance answers the next call', async () => {
      const w = await worker();
      const { asked, reply } = await open(w, '/run/flood');
      asked.end();
      const answer = await reply;
      await once(answer, 'readable'); // and then nothing more is read
      assert.equal((await w.call('count', { text: 'abc' })).text, '3');
      asked.destroy();
      await w.logged(({ msg, lambda }) => lambda === 'flood' && msg === 'closed');
      const told = w.log.filter(({ lambda, msg }) => lambda === 'flood' && msg.startsWith('sent ')).map(({ msg }) => Number(msg.slice(5)));
      assert.ok(Math.max(0, ...told) < 64 * mib, `it sent ${Math.max(...told) / mib} MiB to nobody`);
      const again = await open(w, '/run/flood');
      again.asked.end();
      assert.equal((await again.reply).headers['x-start-class'], 'warm');
      again.asked.destroy();
    });

    test('an event arrives when it is yielded, and the request goes on meanwhile', async () => {
      const { asked, reply } = await open(await worker(), '/run/events');
      asked.write('first\n');
      const answer = (await reply).setEncoding('utf8');
      let text = '';
      answer.on('data', (part: string) => (text += part));
      const seen = async (word: string): Promise<void> => {
        while (!text.includes(word)) await once(answer, 'data');
      };
      await seen('data: first\n\n');
      assert.ok(!text.includes('second'));
      asked.write('second\n');
      await seen('data: second\n\n');
      asked.end();
      await once(answer, 'end');
      assert.deepEqual([answer.headers['content-type'], text], ['text/event-stream', 'data: begun\n\ndata: first\n\ndata: second\n\n']);
    });

    test('a reply that breaks off is cut, so that the client can tell, and the log has the reason', async () => {
      const w = await worker();
      const { asked, reply } = await open(w, '/run/broken');
      asked.end();
      await assert.rejects(reply.then(textOf), /aborted|ECONNRESET|socket hang up/); // with what was said before, or without
      await w.logged(({ lambda, msg }) => lambda === 'broken' && msg.includes('RuntimeError: no more'));
      assert.equal((await w.call('count', { text: 'ab' })).text, '2');
    });
  });
}

test(
  'each piece of a body is answered before the next one is sent: generator, ASGI, Node; a body that is taken whole starts nothing',
  needsRoot,
  async (t) => {
    const asgi = `async def app(scope, receive, send):
  if scope["type"] != "http": return
  await send({"type": "http.response.start", "status": 200})
  more = True
  while more:
    message = await receive()
    more = message.get("more_body", False)
    await send({"type": "http.response.body", "body": b"<%s>" % message["body"], "more_body": more})
`;
    const node =
      'export const streamBody = true;\nexport async function* f(_, { stream }) { yield "<>"; for await (const piece of stream) yield "<" + piece + ">"; }\n';
    const python =
      'STREAM_BODY = True\ndef f(event, context):\n  yield "<>"\n  while piece := context.stream.read1(100): yield b"<%s>" % piece\n';
    const w = await startWorker(t, { lambdas: { python, asgi, count }, config: { limits: { mem_mb: 96 } } });
    mkdirSync(join(w.registry, 'node'));
    writeFileSync(join(w.registry, 'node/index.mjs'), node);
    for (const lambda of ['python', 'asgi', 'node', 'python']) {
      const { asked, reply } = await open(w, `/run/${lambda}`);
      let text = '';
      let news = (): void => {};
      for (const piece of ['one', 'two', 'three']) {
        asked.write(piece);
        const answer = await reply;
        if (piece === 'one')
          answer.setEncoding('utf8').on('data', (part: string) => {
            text += part;
            news();
          });
        while (!text.includes(`<${piece}>`)) await new Promise<void>((resolve) => (news = resolve));
      }
      asked.end();
      await once(await reply, 'end');
    }
    await w.call('count', { text: 'abc' }); // how it takes bodies is known from here on
    const { asked, reply } = await open(w, '/run/count');
    asked.write('{"text"');
    const busy = async (): Promise<number> =>
      ((await (await fetch(`${w.url}/status`, { headers: { accept: 'application/json' } })).json()) as { busy: number }).busy;
    for (let i = 0; i < 20; i++) assert.equal(await busy(), 0);
    asked.end(':"ab"}');
    assert.equal(await textOf(await reply), '2');
  },
);

test('a body in chunks of any size arrives whole, and one without a length that is too long is refused', needsRoot, async (t) => {
  const w = await startWorker(t, { lambdas: { echo, count }, config: { limits: { body_mb: 512 } } });
  const { asked, reply } = await open(w, '/run/count');
  const body = JSON.stringify({ text: 'x'.repeat(100_000) });
  for (let at = 0; at < body.length; at += 7777) asked.write(body.slice(at, at + 7777));
  asked.end();
  const answer = await reply;
  assert.equal(await textOf(answer), '100000');
  const small = await startWorker(t, { lambdas: { echo }, config: { limits: { body_mb: 1 } } });
  const long = await open(small, '/run/echo');
  long.asked.on('error', () => {}); // the worker may hang up while it is still sent
  long.asked.write(Buffer.alloc(64 * mib));
  const refused = await long.reply.catch((error: Error) => error);
  // The reply may have begun with what was within the limit: then it is cut.
  if (refused instanceof Error) assert.match(refused.message, /ECONNRESET|EPIPE|socket hang up/);
  else if (refused.statusCode === 200) await assert.rejects(textOf(refused));
  else assert.equal(refused.statusCode, 413);
  long.asked.destroy();
  assert.equal((await small.call('echo', { a: 1 }, { path: '/run/echo' })).text, '{"a":1}');
});

function resident(worker: Worker): number {
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${worker.pid}/status`, 'utf8'))?.[1]) * 1024;
}

async function open(worker: Worker, path: string): Promise<{ asked: ClientRequest; reply: Promise<IncomingMessage> }> {
  const asked = request(`${worker.url}${path}`, { method: 'POST', agent: false });
  const reply = once(asked, 'response').then(([r]) => r as IncomingMessage);
  reply.catch(() => {}); // whoever waits for it hears of it
  await once(asked, 'socket');
  return { asked, reply };
}

async function textOf(reply: IncomingMessage): Promise<string> {
  let text = '';
  for await (const part of reply.setEncoding('utf8')) text += part;
  return text;
}
