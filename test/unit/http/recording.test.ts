// What the front end records of requests, and tells their callers: phases, outcomes, traces.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { WorkerError } from '../../../src/errors.ts';
import type { Call } from '../../../src/lambda/call.ts';
import { answered, later, raw, request, serveRoutes } from './serving.ts';

const never = () => assert.fail('no lambda should hear of this');

test('the phases of a reply sum to the time the caller waited', async (t) => {
  const { url } = await serveRoutes(t, (call) => setImmediate(() => call.settle(answered({}))));
  await fetch(`${url}/run/a`);
  const from = performance.now();
  const timing = (await fetch(`${url}/run/a`)).headers.get('server-timing') ?? '';
  const waited = performance.now() - from;
  const sum = [...timing.matchAll(/dur=([\d.]+)/g)].reduce((all, [, ms]) => all + Number(ms), 0);
  assert.ok(sum > 0 && sum < waited, `${timing} of ${waited}`);
});

test('each request is recorded once, with what became of it', async (t) => {
  const taken = later<Call>();
  const { url, port, recorded } = await serveRoutes(t, (call) => {
    call.sandbox = 'sb';
    if (call.lambda === 'gone') {
      call.cancel = (error) => call.settle({ at: 'failed', error, start: 'warm' });
      taken.resolve(call);
    } else if (call.lambda === 'streams') {
      call.begin({ status: 203, headers: [] }, 'thawed', () => {});
      for (const part of ['one', 'three']) call.chunk(Buffer.from(part));
      call.settle({ at: 'streamed', start: 'thawed' });
    } else if (call.lambda === 'fails') call.settle({ at: 'failed', error: new WorkerError('sandbox-oom'), start: 'forked' });
    else if (call.lambda === 'bad') call.settle(answered({ status: 99 }));
    else call.settle(answered({ status: 201, body: Buffer.from('seven b') }));
  });
  const seen = () =>
    recorded.splice(0).map((one) => {
      const sum = one.phases.lengths.reduce((all, ms) => all + ms, 0);
      assert.ok(
        one.ended > one.began && Math.abs(sum - (one.ended - one.began)) < 1e-6,
        `phases of ${sum} ms in ${one.ended - one.began} ms`,
      );
      return [one.lambda, one.method, one.path, one.status, one.start, one.errorCode, one.bytesIn, one.bytesOut, one.sandbox];
    });
  await (await fetch(`${url}/run/fine/rest?secret=1`, { method: 'PUT', body: 'four' })).text();
  assert.deepEqual(seen(), [['fine', 'PUT', '/run/fine/rest', 201, 'warm', undefined, 4, 7, 'sb']]);
  await (await fetch(`${url}/run/streams`)).text();
  assert.deepEqual(seen(), [['streams', 'GET', '/run/streams', 203, 'thawed', undefined, 0, 8, 'sb']]);
  await (await fetch(`${url}/run/fails`)).text();
  assert.deepEqual(seen(), [['fails', 'GET', '/run/fails', 502, 'forked', 'sandbox-oom', 0, 0, 'sb']]);
  await (await fetch(`${url}/run/bad`)).text();
  assert.deepEqual(seen(), [['bad', 'GET', '/run/bad', 502, 'warm', 'reply-invalid', 0, 0, 'sb']]);
  await (await fetch(`${url}/nowhere`)).text();
  await (await fetch(`${url}/run/..%2f`)).text();
  await (await fetch(`${url}/runLambda/fine`)).text();
  await (await fetch(`${url}/run/fine`, { method: 'POST', body: 'x'.repeat(1001) })).text();
  assert.deepEqual(
    seen().map(([lambda, , , status, , code]) => [lambda, status, code]),
    [
      [undefined, 404, 'path-unknown'],
      [undefined, 404, 'lambda-name'],
      ['fine', 405, 'method-not-allowed'],
      ['fine', 413, 'body-too-large'],
    ],
  );
  const gone = await raw(t, port);
  gone.send(request('GET', '/run/gone'));
  const call = await taken.value;
  const settled = later<void>();
  const { settle } = call;
  call.settle = (outcome) => {
    settle.call(call, outcome);
    settled.resolve();
  };
  gone.socket.destroy();
  await settled.value;
  assert.deepEqual(seen(), [['gone', 'GET', '/run/gone', 499, 'warm', 'client-gone', 0, 0, 'sb']]);
});

test('a call whose client is gone is recorded as such, whatever becomes of it', async (t) => {
  const [taken, settled] = [later<Call>(), later<void>()];
  const { port, recorded } = await serveRoutes(t, (call) => {
    call.cancel = () => {
      call.settle(answered({ status: 200 }));
      settled.resolve();
    };
    taken.resolve(call);
  });
  const client = await raw(t, port);
  client.send(request('GET', '/run/a'));
  await taken.value;
  client.socket.destroy();
  await settled.value;
  assert.deepEqual(
    recorded.map(({ status, errorCode }) => [status, errorCode]),
    [[499, 'client-gone']],
  );
});

test('a client that goes away while it sends is recorded', async (t) => {
  const statuses: number[] = [];
  const [one, both] = [later<void>(), later<void>()];
  const { port } = await serveRoutes(t, never, {
    record: ({ status }) => (statuses.push(status) === 1 ? one : both).resolve(),
  });
  const client = await raw(t, port);
  client.send(request('GET', '/'), request('POST', '/run/a', { 'content-length': 100 }), 'half');
  await client.until('}}');
  await one.value;
  client.socket.destroy();
  await both.value;
  assert.deepEqual(statuses, [404, 499]);
});

test('a trace goes on in the lambda, or begins with the request', async (t) => {
  const { url, recorded } = await serveRoutes(
    t,
    (call) => {
      const headers = call.head.headers.filter(([name]) => name.startsWith('trace'));
      call.settle(answered({ body: Buffer.from(JSON.stringify(headers)) }));
    },
    { sampled: true },
  );
  const ask = async (headers: Record<string, string>) => {
    const passed = Object.fromEntries((await (await fetch(`${url}/run/a`, { headers })).json()) as [string, string][]);
    return { passed, trace: recorded.splice(0)[0]?.trace };
  };
  const [id, span] = ['4bf92f3577b34da6a3ce929d0e0e4736', '00f067aa0ba902b7'];
  const child = await ask({ traceparent: `00-${id}-${span}-00`, tracestate: 'a=1, b=2' });
  assert.deepEqual([child.trace?.traceId, child.trace?.parentSpanId, child.trace?.sampled], [id, span, false]);
  assert.deepEqual(child.passed, { traceparent: `00-${id}-${child.trace?.spanId}-00`, tracestate: 'a=1,b=2' });
  for (const headers of [{}, { traceparent: `00-${id}-0000000000000000-01`, tracestate: 'a=1' }]) {
    const fresh = await ask(headers);
    assert.deepEqual(fresh.passed, { traceparent: `00-${fresh.trace?.traceId}-${fresh.trace?.spanId}-01` });
    assert.notEqual(fresh.trace?.traceId, id);
  }
});
