// What Python lambdas may be, through a whole worker: context, streams, WSGI, ASGI, several requests at a time.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { type ClientRequest, type IncomingMessage, type RequestOptions, request } from 'node:http';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import { needsRoot, startWorker, suiteOwner, type Worker } from '../worker.ts';

const context = `def f(event, context):
  told = [event, context.method, context.path, context.query, context.headers["x-colour"], context.remaining_ms > 0]
  context.log("seen")
  return context.response(told, status=201, headers={"x-request": context.request_id, "set-cookie": ["a=1", "b=2"]})
`;
const wsgiEcho = `def app(environ, start_response):
  start_response("200 OK", [("Content-Type", "application/x-echo"), ("X-Where", environ["SCRIPT_NAME"] + "|" + environ["PATH_INFO"])])
  return iter(lambda: environ["wsgi.input"].read(100_000), b"")
`;
const asgiEcho = `import asyncio
async def app(scope, receive, send):
  if scope["type"] == "lifespan":
    await receive()
    scope["state"]["begun"] = "begun"
    await send({"type": "lifespan.startup.complete"})
    await receive()
    return
  where = scope["root_path"] + "|" + scope["path"] + "|" + scope["state"]["begun"]
  await send({"type": "http.response.start", "status": 200, "headers": [(b"x-where", where.encode())]})
  more = True
  while more:
    message = await receive()
    more = message.get("more_body", False)
    await send({"type": "http.response.body", "body": message["body"], "more_body": more})
`;
/** An event at once, then nothing until the client goes. */
const asgiEvents = `import asyncio
async def app(scope, receive, send):
  assert scope["type"] == "http"
  await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/event-stream")]})
  await send({"type": "http.response.body", "body": b"data: first\\n\\n", "more_body": True})
  try:
    await asyncio.sleep(3600)
  finally:
    print("the client is gone", flush=True)
`;
const meeting = (kind: 'def' | 'async def', wait: string): string => `import asyncio, threading
met = ${wait}
count = 0
${kind} f(event):
  global count
  ${kind === 'def' ? 'met.wait()' : 'count += 1\n  if count == 4: met.set()\n  await met.wait()'}
  return event
`;
const counting = `import threading, time
def f(event):
  time.sleep(0.05)
  return threading.active_count()
`;

describe('Python lambdas', needsRoot, () => {
  const owner = suiteOwner();
  let worker: Worker;
  before(async () => {
    worker = await startWorker(owner, {
      lambdas: { context, asgiEcho, asgiEvents, wsgiEcho },
      config: { limits: { body_mb: 64, mem_mb: 100, procs: 10 }, freeze_after_ms: 60_000, keep_warm_ms: 600_000 },
    });
    add('wsgiNamed', 'environment: {OL_ENTRY_FILE: pkg/web.py, OL_WSGI_ENTRY: mine}', {
      'pkg/__init__.py': '',
      'pkg/near.py': 'word = b"near"\n',
      'pkg/web.py': 'from .near import word\ndef mine(e, s):\n  s("200 OK", [])\n  return [word]\n',
    });
    add('asgiNamed', 'environment: {OL_ENTRY_FILE: web.py, OL_ASGI_ENTRY: mine}', { 'web.py': asgiEcho.replace('def app', 'def mine') });
    add('threads', 'concurrency: 4\ninstances: {max: 1}', { 'f.py': meeting('def', 'threading.Barrier(4)') });
    add('tasks', 'concurrency: 4\ninstances: {max: 1}', { 'f.py': meeting('async def', 'asyncio.Event()') });
    add('many', 'concurrency: 40\ninstances: {max: 1}', { 'f.py': counting });
  });

  function add(name: string, settings: string, files: Readonly<Record<string, string>>): void {
    for (const [file, text] of Object.entries({ 'ol.yaml': `${settings}\n`, ...files })) {
      const path = join(worker.registry, name, file);
      mkdirSync(join(path, '..'), { recursive: true });
      writeFileSync(path, text);
    }
  }

  const open = async (options: RequestOptions): Promise<{ asked: ClientRequest; reply: Promise<IncomingMessage> }> => {
    const asked = request(worker.url, { method: 'POST', agent: false, ...options });
    const reply = once(asked, 'response').then(([r]) => r as IncomingMessage);
    reply.catch(() => {}); // whoever waits for it hears of it
    await once(asked, 'socket');
    return { asked, reply };
  };

  test('the context tells of the request, and makes the response', async () => {
    const path = '/run/context/a%20b?x=1&x=2';
    const answer = await worker.call('', { a: 1 }, { method: 'PUT', path, headers: { 'x-colour': 'red' } });
    assert.equal(answer.status, 201);
    assert.deepEqual(answer.json(), [{ a: 1 }, 'PUT', '/a b', { x: ['1', '2'] }, 'red', true]);
    assert.deepEqual([answer.headers['x-request'], answer.headers['set-cookie']], [answer.headers['x-request-id'], ['a=1', 'b=2']]);
    await worker.logged(({ msg, requestId }) => msg === 'seen' && requestId === answer.headers['x-request-id']);
  });

  test('a path that is sent in bytes, not percent-encoded', async () => {
    const bytes = Buffer.from('/run/context/ü').toString('latin1');
    const { asked, reply } = await open({ path: bytes, headers: { 'x-colour': 'red' } });
    asked.end();
    assert.equal(JSON.parse(await textOf(await reply))[2], '/ü');
  });

  for (const [lambda, where] of [
    ['wsgiEcho', '/run/wsgiEcho|/x y'],
    ['asgiEcho', '/run/asgiEcho|/run/asgiEcho/x y|begun'],
  ] as const) {
    test(`${lambda}: 20 MB there and back, and the context of the request`, async () => {
      const bytes = randomBytes(20_000_000);
      for (let calls = 0; calls < 2; calls++) {
        const answer = await worker.call('', bytes, { path: `/run/${lambda}/x%20y` });
        assert.deepEqual([answer.status, answer.headers['x-where']], [200, where]);
        assert.ok(answer.bytes.equals(bytes));
      }
    });
  }

  test('ASGI: an event arrives when it is sent; the task ends when the client goes; the instance serves on', async () => {
    const events = async (): Promise<{ asked: ClientRequest; answer: IncomingMessage }> => {
      const { asked, reply } = await open({ path: '/run/asgiEvents' });
      asked.end();
      const answer = await reply;
      const [first] = await once(answer.setEncoding('utf8'), 'data');
      assert.equal(first, 'data: first\n\n');
      return { asked, answer };
    };
    const one = await events();
    assert.equal(one.answer.headers['content-type'], 'text/event-stream');
    one.asked.destroy();
    await worker.logged(({ lambda, msg }) => lambda === 'asgiEvents' && msg === 'the client is gone');
    const other = await events();
    assert.equal(other.answer.headers['x-start-class'], 'warm');
    other.asked.destroy();
  });

  test('OL_ENTRY_FILE with OL_WSGI_ENTRY and OL_ASGI_ENTRY', async () => {
    assert.equal((await worker.call('wsgiNamed', {})).text, 'near');
    assert.equal((await worker.call('asgiNamed', { a: 1 })).text, '{"a":1}');
  });

  for (const lambda of ['threads', 'tasks']) {
    test(`concurrency: four calls meet in one instance, in ${lambda}`, async () => {
      const answers = await Promise.all([1, 2, 3, 4].map((n) => worker.call(lambda, n)));
      assert.deepEqual(answers.map(({ text }) => text), ['1', '2', '3', '4']); // biome-ignore format: one line
    });
  }

  test('concurrency beyond limits.procs: calls wait for the threads that there are', async () => {
    const answers = await Promise.all(Array.from({ length: 40 }, () => worker.call('many', {})));
    assert.deepEqual([...new Set(answers.map(({ status }) => status))], [200]);
    const most = Math.max(...answers.map((answer) => answer.json<number>()));
    assert.ok(most > 1 && most <= 10, `${most} threads`);
  });
});

async function textOf(reply: IncomingMessage): Promise<string> {
  let text = '';
  for await (const part of reply.setEncoding('utf8')) text += part;
  return text;
}
