import assert from 'node:assert/strict';
import { test } from 'node:test';
import { WorkerError } from '../../../src/errors.ts';
import { errorReply, methodNotAllowed } from '../../../src/http/error-reply.ts';

const asker = { requestId: 'r1', accept: '' };

test('an error is JSON with code, message and request id', () => {
  const { status, headers, body } = errorReply(new WorkerError('handler-raised', { detail: 'Traceback …' }), asker, 'warm');
  assert.equal(status, 500);
  assert.deepEqual(Object.fromEntries(headers), { 'x-request-id': 'r1', 'x-start-class': 'warm', 'content-type': 'application/json' });
  assert.deepEqual(JSON.parse(body), {
    error: { code: 'handler-raised', message: 'the handler raised an exception: Traceback …', requestId: 'r1' },
  });
});

test('the cause is not told', () => {
  assert.ok(!errorReply(new WorkerError('internal', { cause: new Error('/secret/path') }), asker).body.includes('secret'));
});

test('who would rather have text gets the message alone', () => {
  const table: readonly (readonly [accept: string, type: string])[] = [
    ['', 'application/json'],
    ['*/*', 'application/json'],
    ['application/json', 'application/json'],
    ['application/json, text/plain', 'application/json'],
    ['text/html', 'application/json'],
    ['text/plain', 'text/plain; charset=utf-8'],
    ['text/plain, application/json;q=0.5', 'text/plain; charset=utf-8'],
    ['text/plain, */*', 'text/plain; charset=utf-8'],
    ['application/json;q=0.5, text/plain', 'text/plain; charset=utf-8'],
  ];
  for (const [accept, type] of table) {
    const { headers, body } = errorReply(new WorkerError('no-room'), { requestId: 'r1', accept });
    assert.equal(Object.fromEntries(headers)['content-type'], type, accept);
    assert.equal(body.startsWith('{'), type === 'application/json');
  }
});

test('429 and 503 say when to come again, draining closes the connection', () => {
  const headersOf = (code: ConstructorParameters<typeof WorkerError>[0]) =>
    Object.fromEntries(errorReply(new WorkerError(code), asker).headers);
  assert.equal(headersOf('queue-full')['retry-after'], '1');
  assert.equal(headersOf('no-room')['retry-after'], '1');
  assert.equal(headersOf('internal')['retry-after'], undefined);
  assert.deepEqual([headersOf('draining').connection, headersOf('draining')['retry-after']], ['close', '1']);
});

test("a lambda's own list of methods is told the same way; OPTIONS, which asks for it, is no error", () => {
  const reply = (sent: string) => errorReply(new WorkerError('method-not-allowed', { methods: { sent, allowed: ['GET', 'POST'] } }), asker);
  assert.deepEqual(reply('PUT'), methodNotAllowed(asker, 'PUT', ['GET', 'POST']));
  const { status, headers, body } = reply('OPTIONS');
  assert.deepEqual([status, Object.fromEntries(headers), body], [204, { 'x-request-id': 'r1', allow: 'GET, POST' }, '']);
});

test('405 has the words of OpenLambda', () => {
  const { status, headers, body } = methodNotAllowed(asker, 'PUT', ['GET', 'POST']);
  assert.deepEqual([status, body], [405, 'HTTP method not allowed. Sent: PUT, Allowed: [GET POST]\n']);
  assert.equal(Object.fromEntries(headers).allow, 'GET, POST');
});
