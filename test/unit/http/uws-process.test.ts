// What would end the whole process without the engine's care, tried on a process of its own.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { type TestContext, test } from 'node:test';
import { raw, request } from './serving.ts';

const server = `
  import { uwsEngine } from ${JSON.stringify(new URL('../../../src/http/uws.js', import.meta.url))};
  const boom = () => { throw new Error('boom'); };
  const does = {
    '/ok': (exchange) => exchange.reply(200, [], 'ok'),
    '/throw': boom,
    '/throw-nothing': () => { throw undefined; },
    '/throw-after-reply': (exchange) => { exchange.reply(200, [], 'replied'); boom(); },
    '/throw-after-large-reply': (exchange) => { exchange.reply(200, [], 'x'.repeat(1 << 20)); boom(); },
    '/throw-at-body': (exchange) => exchange.readBody(1000, boom),
    '/throw-over-limit': (exchange) => exchange.readBody(1, boom),
    '/throw-at-abort': (exchange) => { exchange.onAbort = boom; },
    '/never': () => {},
    '/reject': async () => { await undefined; },
    '/stop': (exchange) => { exchange.reply(200, [], 'stopping'); listening.stopAccepting(); setImmediate(() => listening.closeAll()); },
  };
  const listening = await uwsEngine(() => {}).listen({ host: '127.0.0.1', port: 0, handler: (exchange) => does[exchange.path](exchange) });
  console.log(listening.port);
`;

async function serverProcess(t: TestContext) {
  const child = spawn(process.execPath, ['--input-type=module', '-e', server], { stdio: ['ignore', 'pipe', 'inherit'] });
  t.after(() => child.kill('SIGKILL'));
  const exit = once(child, 'exit');
  const [port] = await once(createInterface(child.stdout), 'line');
  return { port: Number(port), exit };
}

test('no handler can end the process, and a stopped one ends by itself', async (t) => {
  const { port, exit } = await serverProcess(t);
  for (const path of [
    '/throw',
    '/throw-nothing',
    '/throw-after-reply',
    '/throw-after-large-reply',
    '/throw-at-body',
    '/throw-over-limit',
  ]) {
    const client = await raw(t, port);
    client.send(request('POST', path, { 'content-length': 4 }), 'body');
    await client.until(/^HTTP\/1\.1 (200|500) /);
    client.socket.destroy();
  }
  for (const path of ['/throw-at-abort', '/never', '/reject']) {
    const client = await raw(t, port);
    client.send(request('GET', path), request('GET', path)); // the second one ends the connection
    await client.ended;
  }
  const garbage = ['GET / HTTP/1.0\r\n\r\n', 'GET http://elsewhere/ HTTP/1.1\r\nhost: x\r\n\r\n', request('OPTIONS', '*')];
  for (const bytes of garbage) {
    const client = await raw(t, port);
    client.send(bytes);
    await client.ended;
  }
  const client = await raw(t, port);
  client.send(request('GET', '/ok'));
  await client.until('ok');
  client.send(request('GET', '/stop'));
  await client.until('stopping');
  assert.deepEqual(await exit, [0, null]);
});

test('the binary is the one that was tried', (t) => {
  const known: Readonly<Record<string, string>> = {
    '115': '6f8d96d761a64beddb060f1f7f0e617dd293ed127ec1d57507aa561a0083171e',
    '127': '8cabc918bbf9a07323e54f89a33882491080b2eb35df0607f473ccdb1f3c31af',
  };
  for (const [abi, digest] of Object.entries(known)) {
    const binary = new URL(`./bin/uws_linux_x64_${abi}.node`, import.meta.resolve('uWebSockets.js'));
    if (!existsSync(binary)) return t.skip('another uWebSockets.js is installed');
    assert.equal(createHash('sha256').update(readFileSync(binary)).digest('hex'), digest);
  }
});
