// Which engine is taken, and that it is the one that was tried.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { chooseEngine } from '../../../src/http/engines.ts';
import { noUws, raw, request, serve } from './serving.ts';

const fault = (cause: unknown) => assert.fail(String(cause));

test('uWebSockets.js is taken where it loads, else node:http, saying why', () => {
  const { name, reason } = chooseEngine(fault);
  if (reason === undefined) assert.match(name, /^uWebSockets\.js /);
  else {
    assert.match(name, /^node:http /);
    assert.match(reason, /uWebSockets\.js/);
  }
});

test('the one that is asked for is taken', () => {
  const { name, reason } = chooseEngine(fault, { prefer: 'node' });
  assert.deepEqual([name, reason], [`node:http (Node ${process.version})`, 'node:http was asked for']);
  if (noUws === false) assert.match(chooseEngine(fault, { prefer: 'uws' }).name, /^uWebSockets\.js /);
  else assert.throws(() => chooseEngine(fault, { prefer: 'uws' }), /uWebSockets\.js/);
});

test('the size that a head may have is as it was asked for', async (t) => {
  const { port } = await serve(
    t,
    (exchange) => exchange.reply(200, [], 'ok'),
    (told) => chooseEngine(told, { prefer: 'node', headerBytes: 1000 }),
  );
  const [small, large] = [await raw(t, port), await raw(t, port)];
  small.send(request('GET', '/', { 'x-long': 'a'.repeat(800) }));
  await small.until('ok');
  large.send(request('GET', '/', { 'x-long': 'a'.repeat(1200) }));
  assert.match(await large.ended, /^HTTP\/1\.1 431 [\s\S]*"the head of the request is too large: over 1000 bytes"/);
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
