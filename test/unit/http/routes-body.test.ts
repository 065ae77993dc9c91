// When a call begins, by how its body comes and how its lambda takes it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Call } from '../../../src/lambda/call.ts';
import { answered, later, never, raw, request, serveRoutes } from './serving.ts';

test('the call of a lambda that may take its body as it comes begins without it', async (t) => {
  for (const known of [false, true]) {
    const begun = later<Call>();
    const { port } = await serveRoutes(t, (call) => begun.resolve(call), { takesWhole: () => known });
    const client = await raw(t, port);
    client.send(request('POST', '/run/a', { 'content-length': 6 }), 'one');
    if (known) client.send('two');
    const call = await begun.value;
    assert.deepEqual([String(call.body.first), call.body.rest === undefined], known ? ['onetwo', true] : ['one', false]);
    call.settle(answered({}));
  }
});

test('a body that stops coming is a 408, and the lambda hears nothing of it', async (t) => {
  const { port, recorded } = await serveRoutes(t, never, {}, { silenceMs: 20 });
  const client = await raw(t, port);
  client.send(request('POST', '/run/a', { 'content-length': 6, 'x-request-id': 'mine' }), 'one');
  await client.until(
    /^HTTP\/1\.1 408 [\s\S]*x-request-id: mine[\s\S]*"code":"body-late","message":"nothing more of the request body came in time: 0\.02 s"/,
  );
  assert.deepEqual(
    recorded.map(({ status, errorCode, lambda }) => [status, errorCode, lambda]),
    [[408, 'body-late', 'a']],
  );
});

test('a call that has begun waits for its body as long as it may run', async (t) => {
  const begun = later<Call>();
  const { port } = await serveRoutes(t, (call) => begun.resolve(call), { takesWhole: () => false }, { silenceMs: 4 });
  const client = await raw(t, port);
  client.send(request('POST', '/run/a', { 'content-length': 6 }), 'one');
  const call = await begun.value;
  call.cancel = never;
  const end = later<string>();
  call.body.rest?.read((bytes, last) => last && end.resolve(String(bytes)));
  await new Promise((resolve) => setTimeout(resolve, 50));
  client.send('two');
  assert.equal(await end.value, 'two');
  call.settle(answered({ status: 203 }));
  await client.until(/^HTTP\/1\.1 203 /);
});
