import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo, ListenOptions } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import test, { type TestContext } from 'node:test';
import { ask, textOf } from '../../../src/cli/client.ts';
import type { Place } from '../../../src/cli/place.ts';

test('a body goes over the socket, and what comes back is the reply', async (t) => {
  const socket = join(scratch(t), 'ol.sock');
  await serve(t, { path: socket }, async (request, reply) => {
    reply.writeHead(201).end(`${request.method} ${request.url} ${await buffer(request)}`);
  });
  const body = Readable.from([Buffer.from('pack'), Buffer.from('age')]);
  assert.equal(await textOf(await ask(place(socket), { method: 'POST', path: '/registry/x', body }), 201), 'POST /registry/x package');
});

test('what the worker refuses is told in its own words', async (t) => {
  const socket = join(scratch(t), 'ol.sock');
  await serve(t, { path: socket }, (_, reply) => reply.writeHead(404).end('no such lambda in the registry\n'));
  await assert.rejects(async () => textOf(await ask(place(socket), { path: '/registry/x/config' }), 200), {
    name: 'Failure',
    message: 'no such lambda in the registry',
  });
});

test('where its path is too long for a socket, TCP does, with the token of the config', async (t) => {
  const port = await serve(t, { host: '127.0.0.1', port: 0 }, (request, reply) => reply.end(request.headers.authorization));
  const tooLong = join(scratch(t), 'x'.repeat(120), 'ol.sock');
  const reply = await ask(place(tooLong, { host: '127.0.0.1', port, token: 'sesame-open-sesame' }), { path: '/status' });
  assert.equal(await textOf(reply, 200), 'Bearer sesame-open-sesame');
});

test('nobody at the socket is told, and no other worker is asked in its place', async (t) => {
  const port = await serve(t, { host: '127.0.0.1', port: 0 }, () => assert.fail('asked over TCP'));
  const socket = join(scratch(t), 'ol.sock');
  await assert.rejects(
    ask(place(socket, { host: '127.0.0.1', port, token: undefined }), { path: '/status' }),
    /ask the worker over ".*ol\.sock": connect ENOENT/,
  );
});

async function serve(t: TestContext, at: ListenOptions, listener: RequestListener): Promise<number> {
  const server = createServer(listener).listen(at);
  t.after(() => server.close());
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

function scratch(t: TestContext): string {
  const dir = mkdtempSync(join(tmpdir(), 'client-'));
  t.after(() => rmSync(dir, { recursive: true }));
  return dir;
}

function place(socket: string, tcp?: Place['tcp']): Place {
  return { configFile: '', workerDir: '', lock: '', pidFile: '', engine: undefined, options: [], stopMs: 0, socket, tcp };
}
