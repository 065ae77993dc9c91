// Registries that are down, slow or lying: each is told by what it does, asked again where that can help, and takes nothing away.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import type { RequestListener, ServerResponse } from 'node:http';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import type { Times } from '../../../../src/registry/http/http-registry.ts';
import { defaultLimits } from '../../../../src/registry/limits.ts';
import { tarGz } from '../archives.ts';
import { content, leftovers, remoteRig } from './remote-rig.ts';
import { type Files, serving, site } from './site.ts';

const magic = Buffer.from([0x1f, 0x8b]);
const attempts = 3;
const limits = { ...defaultLimits, bytes: 1 << 20 };

/** Sends until nobody takes it any more. */
async function endlessly(response: ServerResponse, chunk: Buffer): Promise<void> {
  while (!response.destroyed) if (!response.write(chunk)) await Promise.race([once(response, 'drain'), once(response, 'close')]);
}

interface Case {
  readonly does: string;
  readonly answer: RequestListener;
  readonly detail: RegExp | string;
  /** Questions until it is given up. */
  readonly asked: number;
  readonly times?: Partial<Times>;
}

const raw =
  (text: string): RequestListener =>
  (_, response) =>
    response.socket?.end(text);
const redirecting =
  (location: string): RequestListener =>
  (_, response) =>
    response.writeHead(302, { location }).end();

const cases: readonly Case[] = [
  {
    does: 'cuts a body of a known length',
    answer: (_, response) => {
      response.writeHead(200, { 'content-length': 1000 });
      response.write(magic, () => response.destroy());
    },
    detail: 'it has cut the connection',
    asked: attempts,
  },
  {
    does: 'cuts a body in chunks',
    answer: (_, response) => void response.write(magic, () => response.destroy()),
    detail: 'it has cut the connection',
    asked: attempts,
  },
  { does: 'closes without a word', answer: (_, response) => void response.destroy(), detail: 'it has cut the connection', asked: attempts },
  {
    does: 'sends without end',
    answer: (_, response) => {
      response.write(magic);
      void endlessly(response, Buffer.alloc(64 << 10));
    },
    detail: 'it sends more than the 1048576 bytes that a package may have',
    asked: 1,
  },
  {
    does: 'sends what is no gzip without end',
    answer: (_, response) => void endlessly(response, Buffer.alloc(64 << 10, 'x')),
    detail: 'what it sends is not compressed by gzip',
    asked: 1,
  },
  {
    does: 'announces too much',
    answer: (_, response) => {
      response.writeHead(200, { 'content-length': 2 ** 40 });
      response.write(magic);
    },
    detail: /more than the 1048576 bytes/,
    asked: 1,
  },
  { does: 'does not answer', answer: () => {}, times: { headMs: 300 }, detail: 'it does not answer in time', asked: attempts },
  {
    does: 'stops in the middle',
    answer: (_, response) => void response.write(magic),
    times: { stallMs: 300 },
    detail: /^it has stopped sending/,
    asked: attempts,
  },
  {
    does: 'sends a byte now and then',
    answer: (_, response) => {
      response.write(magic);
      const dripping = setInterval(() => response.write('x'), 5);
      response.once('close', () => clearInterval(dripping));
    },
    times: { totalMs: 1000 },
    detail: 'it takes more than 1 s for a package',
    asked: 1,
  },
  {
    does: 'sends a page of HTML as if all were well',
    answer: (_, response) => response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' }).end('<html>sign in'),
    detail: 'it answers with text/html, not with a package',
    asked: 1,
  },
  { does: 'sends such a page without its type', answer: (_, response) => response.end('<html>sign in'), detail: /gzip/, asked: 1 },
  { does: 'sends nothing', answer: (_, response) => response.end(), detail: 'it sends nothing', asked: 1 },
  {
    does: 'compresses though nobody asked for it',
    answer: (_, response) => response.writeHead(200, { 'content-encoding': 'br' }).end('x'),
    detail: /Content-Encoding "br"/,
    asked: 1,
  },
  {
    does: 'tells the end of the package by closing',
    answer: raw('HTTP/1.1 200 OK\r\n\r\n\x1f\x8b'),
    detail: /neither the length of the package nor its end/,
    asked: 1,
  },
  { does: 'redirects in a circle', answer: redirecting('/x.tar.gz'), detail: 'it redirects more than 5 times', asked: 6 },
  { does: 'redirects to a file', answer: redirecting('file:///etc/passwd'), detail: /no web address \(file:\)/, asked: 1 },
  { does: 'redirects to what is no URL', answer: redirecting('http://['), detail: 'it redirects to what is no URL', asked: 1 },
  { does: 'redirects nowhere', answer: (_, response) => response.writeHead(302).end(), detail: 'it redirects to what is no URL', asked: 1 },
  { does: 'is overloaded', answer: (_, response) => response.writeHead(503).end(), detail: 'it answered 503', asked: attempts },
  { does: 'is asked too often', answer: (_, response) => response.writeHead(429).end(), detail: 'it answered 429', asked: attempts },
  {
    does: 'wants to be left alone for an hour',
    answer: (_, response) => response.writeHead(503, { 'retry-after': '3600' }).end(),
    detail: 'it answered 503',
    asked: 1,
  },
  { does: 'does not understand', answer: (_, response) => response.writeHead(400).end(), detail: 'it answered 400', asked: 1 },
  {
    does: 'sends a part',
    answer: (_, response) => response.writeHead(206, { 'content-range': 'bytes 0-1/9' }).end(magic),
    detail: 'it answered 206',
    asked: 1,
  },
  { does: 'speaks no HTTP', answer: raw('SSH-2.0-OpenSSH_9.2p1\r\n'), detail: /^what it answers is no HTTP/, asked: 1 },
  {
    does: 'sends a head without end',
    answer: raw(`HTTP/1.1 200 OK\r\n${`x: ${'x'.repeat(100)}\r\n`.repeat(1000)}\r\n`),
    detail: /^what it answers is no HTTP/,
    asked: 1,
  },
];

for (const { does, answer, detail, asked, times } of cases) {
  test(`a registry that ${does}`, async (t) => {
    const server = await site(t, answer);
    const { registry, store } = remoteRig(t, server.url, { times: { attempts, ...times }, limits });
    await assert.rejects(registry.resolve('x'), { code: 'registry-unavailable', detail });
    assert.equal(server.asked.length, asked);
    assert.deepEqual(await leftovers(store), []);
  });

  test(`a registry that ${does} takes away nothing that is on the node, not even over a restart`, async (t) => {
    const server = await site(t, serving({ '/x.tar.gz': tarGz({ name: 'f.py', content: 'one' }) }));
    const first = remoteRig(t, server.url, { times: { attempts, ...times }, limits });
    const known = await first.registry.resolve('x');
    server.answer = answer;
    await assert.rejects(first.registry.resolve('x', known), { code: 'registry-unavailable' });
    assert.equal(content(known), 'one');
    const second = await first.restarted();
    assert.deepEqual(await second.registry.resolve('x'), known);
    assert.equal(content(known), 'one');
    await second.registry.close();
    assert.deepEqual(await leftovers(second.store), []);
  });
}

test('a registry that nobody has started, or whose name nobody knows', async (t) => {
  const server = await site(t, serving({}));
  await server.close();
  const down = remoteRig(t, server.url, { times: { attempts } });
  await assert.rejects(down.registry.resolve('x'), { code: 'registry-unavailable', detail: 'nothing listens there (does it run?)' });
  const unknown = remoteRig(t, 'http://registry.invalid', { times: { attempts } });
  await assert.rejects(unknown.registry.resolve('x'), { code: 'registry-unavailable', detail: /^its host name/ });
});

test('a registry that fails for a moment is asked again until it answers', async (t) => {
  const good = serving({ '/x.tar.gz': tarGz({ name: 'f.py', content: 'one' }) });
  const failures: RequestListener[] = [
    (_, response) => response.writeHead(502).end(),
    (_, response) => void response.destroy(),
    (_, response) => void response.writeHead(200, { 'content-length': 100 }).write(magic, () => response.destroy()),
  ];
  const server = await site(t, (request, response) => (failures.shift() ?? good)(request, response));
  const { registry } = remoteRig(t, server.url, { times: { attempts: 4 } });
  assert.equal(content(await registry.resolve('x')), 'one');
  assert.equal(server.asked.length, 4);
});

test('who has code is told at the first failure, while the look goes on: the next one gets what it found', async (t) => {
  const files: Files = { '/x.py': 'one' };
  const server = await site(t, serving(files));
  const { registry, store, warnings } = remoteRig(t, server.url);
  const one = await registry.resolve('x');
  files['/x.py'] = 'two';
  let open = (): void => {};
  const opened = new Promise<void>((resolve) => (open = resolve));
  server.answer = (_, response) => {
    response.writeHead(503).end();
    server.answer = (request, late) => void opened.then(() => serving(files)(request, late));
  };
  await assert.rejects(registry.resolve('x', one), { code: 'registry-unavailable', detail: 'it answered 503' });
  assert.deepEqual(await registry.resolve('x'), one);
  const bound = new Promise<void>((resolve) => {
    const bind = store.bind.bind(store);
    t.mock.method(store, 'bind', (...to: Parameters<typeof bind>) => resolve(bind(...to)));
  });
  open();
  await bound;
  await store.settled(); // what the look has made is removed
  await setImmediate(); // and it is over
  const asked = server.asked.length;
  assert.equal(content(await registry.resolve('x', one)), 'two');
  assert.ok(server.asked[asked]?.headers['if-none-match'] !== undefined);
  assert.deepEqual(warnings, []);
});

test('who has code does not wait for a registry that is slow, and is told of one that stays down once a minute', async (t) => {
  const server = await site(t, serving({ '/x.py': 'one', '/y.py': 'one' }));
  const { registry, store, warnings } = remoteRig(t, server.url, { times: { patienceMs: 20, attempts: 1 } });
  const known = [await registry.resolve('x'), await registry.resolve('y')] as const;
  server.answer = () => {};
  await assert.rejects(registry.resolve('x', known[0]), { code: 'registry-unavailable', detail: 'it takes long to answer' });
  assert.deepEqual(await registry.resolve('x'), known[0]);
  await server.close();
  await assert.rejects(registry.resolve('y', known[1]), { code: 'registry-unavailable' });
  await registry.close();
  await store.settled();
  assert.deepEqual(warnings.length, 1);
  assert.match(warnings[0] ?? '', /^look for newer code of "[xy]": .*, ignoring: what is on the node goes on$/);
  assert.ok(existsSync(known[0].dir) && existsSync(known[1].dir));
});

test('with endless patience the newest code is waited for, and a registry that is down is an error', async (t) => {
  const files: Files = { '/x.py': 'one' };
  const server = await site(t, serving(files));
  const { registry } = remoteRig(t, server.url, { times: { patienceMs: Number.POSITIVE_INFINITY, attempts: 2 } });
  await registry.resolve('x');
  files['/x.py'] = 'two';
  server.answer = (_, response) => {
    response.writeHead(503).end();
    server.answer = serving(files);
  };
  assert.equal(content(await registry.resolve('x')), 'two');
  await server.close();
  await assert.rejects(registry.resolve('x'), { code: 'registry-unavailable' });
});
