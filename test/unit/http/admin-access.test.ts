// Who may use the admin API, as a table over what a request says and where it came from.
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import { syncBuiltinESMExports } from 'node:module';
import { test } from 'node:test';
import { type AccessOptions, adminAccess, type Via } from '../../../src/http/admin/access.ts';

const token = 'correct-horse-battery';
const open: AccessOptions = { adminApi: 'open', token: undefined, host: 'localhost' };
const guarded: AccessOptions = { adminApi: 'token', token, host: 'worker.example' };
const off: AccessOptions = { adminApi: 'off', token: undefined, host: '0.0.0.0' };

function ask(options: AccessOptions, client: string, headers: Readonly<Record<string, string>> = {}, via: Via = 'tcp'): string {
  const all = { host: 'localhost:8080', ...headers };
  const list = Object.entries(all);
  const exchange = { client, header: (name: string) => list.find(([key]) => key === name)?.[1] ?? '', headers: () => list };
  return adminAccess(options)(exchange, via)?.code ?? 'granted';
}

test('clients on this machine may, and no others, where there is no token', () => {
  for (const client of ['127.0.0.1', '127.8.9.1', '::1', '0000:0000:0000:0000:0000:0000:0000:0001'])
    assert.equal(ask(open, client), 'granted', client);
  for (const client of ['10.0.0.1', '::2', '', 'localhost', '128.0.0.1']) assert.equal(ask(open, client), 'admin-local', client);
  assert.equal(ask(open, '10.0.0.1', { authorization: `Bearer ${token}` }), 'admin-local');
});

test('who sends the token may from anywhere; a wrong one is refused from anywhere', () => {
  for (const client of ['10.0.0.1', '127.0.0.1']) {
    for (const [name, value, expected] of [
      ['authorization', `Bearer ${token}`, 'granted'],
      ['authorization', `bearer  ${token} `, 'granted'],
      ['x-admin-token', token, 'granted'],
      ['authorization', `Bearer ${token}x`, 'admin-token'],
      ['authorization', 'Bearer c', 'admin-token'],
      ['x-admin-token', token.toUpperCase(), 'admin-token'],
    ] as const)
      assert.equal(ask(guarded, client, { [name]: value }), expected, `${client} ${name}: ${value}`);
  }
  assert.equal(ask(guarded, '10.0.0.1'), 'admin-token');
  assert.equal(ask(guarded, '10.0.0.1', { authorization: `Basic ${token}` }), 'admin-token');
  assert.equal(ask(guarded, '127.0.0.1'), 'granted');
  assert.equal(ask(guarded, '10.0.0.1', { host: 'anything.example', 'x-forwarded-for': '1.2.3.4', 'x-admin-token': token }), 'granted');
});

test('how long it takes to refuse a token tells nothing of it: digests are compared, in constant time', (t) => {
  const compared: (readonly [number, number])[] = [];
  const { timingSafeEqual } = crypto;
  t.after(syncBuiltinESMExports);
  t.after(() => t.mock.restoreAll());
  t.mock.method(crypto, 'timingSafeEqual', (a: Buffer, b: Buffer) => {
    compared.push([a.length, b.length]);
    return timingSafeEqual(a, b);
  });
  syncBuiltinESMExports();
  const sent = ['c', `${token}x`, 'x'.repeat(1000), token];
  for (const one of sent) assert.equal(ask(guarded, '10.0.0.1', { 'x-admin-token': one }), one === token ? 'granted' : 'admin-token');
  for (const one of sent) ask(guarded, '127.0.0.1', { authorization: `Bearer ${one}` });
  assert.deepEqual(
    compared,
    Array.from({ length: 2 * sent.length }, () => [32, 32]),
  );
});

test('what came through a proxy on this machine is not local', () => {
  for (const name of ['forwarded', 'via', 'x-real-ip', 'x-forwarded-for', 'x-forwarded-proto', 'x-forwarded-host', 'x-forwarded']) {
    assert.equal(ask(open, '127.0.0.1', { [name]: '127.0.0.1' }), 'admin-local', name);
    assert.equal(ask(guarded, '127.0.0.1', { [name]: '127.0.0.1' }), 'admin-token', name);
  }
  assert.equal(ask(open, '127.0.0.1', { 'x-forwarding': 'no' }), 'granted');
});

test('where others could come and there is no token, nobody may over TCP', () => {
  assert.equal(ask(off, '127.0.0.1'), 'admin-off');
  assert.equal(ask(off, '127.0.0.1', { 'x-admin-token': 'anything' }), 'admin-off');
});

test('over the socket everybody may who can open it', () => {
  for (const options of [open, guarded, off])
    assert.equal(ask(options, '', { host: 'x', origin: 'http://evil.example' }, 'socket'), 'granted');
});

test('pages of other sites may not, with or without a token', () => {
  const from = (headers: Record<string, string>) => ask(open, '127.0.0.1', headers);
  assert.equal(from({ origin: 'http://localhost:8080' }), 'granted');
  assert.equal(from({ host: 'LOCALHOST:80', origin: 'http://localhost' }), 'granted');
  assert.equal(from({ 'sec-fetch-site': 'same-origin' }), 'granted');
  assert.equal(from({ 'sec-fetch-site': 'none' }), 'granted');
  for (const origin of ['http://evil.example', 'http://localhost:9999', 'null', 'file://', 'http://localhost:8080.evil.example'])
    assert.equal(from({ origin }), 'admin-browser', origin);
  for (const site of ['cross-site', 'same-site']) assert.equal(from({ 'sec-fetch-site': site }), 'admin-browser', site);
  assert.equal(ask(guarded, '10.0.0.1', { 'x-admin-token': token, origin: 'http://evil.example' }), 'admin-browser');
});

test('a name that somebody else made point here is refused (DNS rebinding)', () => {
  for (const host of ['localhost', 'localhost:1', '127.0.0.1:8080', '[::1]:8080', '127.1.2.3', 'LocalHost:8080'])
    assert.equal(ask(open, '127.0.0.1', { host }), 'granted', host);
  for (const host of ['evil.example', 'evil.example:8080', '0.0.0.0:8080', '[::]:8080', '', 'localhost.evil.example', '10.0.0.1'])
    assert.equal(ask(open, '127.0.0.1', { host }), 'admin-browser', host);
  assert.equal(ask(guarded, '127.0.0.1', { host: 'Worker.example:8080' }), 'granted');
  assert.equal(ask({ ...guarded, host: '0.0.0.0' }, '127.0.0.1', { host: '0.0.0.0:8080' }), 'admin-browser');
});
