// What would end the whole process without an engine's care, tried on a process of its own.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { TestContext } from 'node:test';
import { onBoth, raw, request } from './serving.ts';

const server = (engine: string) => `
  import { chooseEngine } from ${JSON.stringify(new URL('../../../src/http/engines.js', import.meta.url))};
  const boom = () => { throw new Error('boom'); };
  const does = {
    '/ok': (exchange) => exchange.reply(200, [], 'ok'),
    '/throw': boom,
    '/throw-nothing': () => { throw undefined; },
    '/throw-after-reply': (exchange) => { exchange.reply(200, [], 'replied'); boom(); },
    '/throw-after-large-reply': (exchange) => { exchange.reply(200, [], 'x'.repeat(1 << 20)); boom(); },
    '/throw-at-body': (exchange) => exchange.readBody({ limit: 1000, enough: 1000, begin: boom, refused: boom }),
    '/throw-at-rest': (exchange) => exchange.readBody({ limit: 1000, enough: 1, begin: ({ rest }) => rest === undefined ? boom() : rest.read(boom), refused: boom }),
    '/throw-over-limit': (exchange) => exchange.readBody({ limit: 1, enough: 1, begin: boom, refused: boom }),
    '/throw-when-begun': (exchange) => { exchange.begin(200, [], undefined); exchange.write(Buffer.from('begun')); boom(); },
    '/throw-at-drain': (exchange) => { exchange.begin(200, [], undefined); exchange.onDrain = boom; while (exchange.write(Buffer.alloc(100000))); },
    '/throw-at-abort': (exchange) => { exchange.onAbort = boom; },
    '/never': () => {},
    '/reject': async () => { await undefined; },
    '/stop': (exchange) => { exchange.reply(200, [], 'stopping'); listening.stopAccepting(); setImmediate(() => listening.closeAll()); },
  };
  const listening = await chooseEngine(() => {}, { prefer: '${engine}' }).listen({ host: '127.0.0.1', port: 0, handler: (exchange) => does[exchange.path](exchange) });
  console.log(String(listening.port));
`;

async function serverProcess(t: TestContext, engine: string) {
  const child = spawn(process.execPath, ['--input-type=module', '-e', server(engine)], { stdio: ['ignore', 'pipe', 'inherit'] });
  t.after(() => child.kill('SIGKILL'));
  const exit = once(child, 'exit');
  const [port] = await once(createInterface(child.stdout), 'line');
  return { port: Number(port), exit };
}

onBoth('no handler can end the process, and a stopped one ends by itself', async (t, { engine }) => {
  const { port, exit } = await serverProcess(t, engine);
  for (const path of [
    '/throw',
    '/throw-nothing',
    '/throw-after-reply',
    '/throw-after-large-reply',
    '/throw-at-body',
    '/throw-at-rest',
    '/throw-over-limit',
  ]) {
    const client = await raw(t, port);
    client.send(request('POST', path, { 'content-length': 4 }), 'bo');
    client.send('dy');
    await client.until(/^HTTP\/1\.1 (200|500) /);
    client.socket.destroy();
  }
  for (const path of ['/throw-when-begun', '/throw-at-drain', '/throw-at-abort', '/never', '/reject']) {
    const client = await raw(t, port);
    client.send(request('GET', path));
    client.socket.end();
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
