import assert from 'node:assert/strict';
import test from 'node:test';
import { parseConfig } from '../../../src/config/load.ts';

const admin_token = '0123456789abcdef';

const hosts: readonly (readonly [host: string, adminApi: string])[] = [
  ['localhost', 'open'],
  ['LOCALHOST.', 'open'],
  ['127.0.0.1', 'open'],
  ['127.8.9.10', 'open'],
  ['::1', 'open'],
  ['[::1]', 'open'],
  ['0:0:0:0:0:0:0:1', 'open'],
  ['::ffff:127.0.0.1', 'open'],
  ['0.0.0.0', 'off'],
  ['::', 'off'],
  ['10.0.0.1', 'off'],
  ['fe80::1%eth0', 'off'],
  ['::ffff:10.0.0.1', 'off'],
  ['127.0.0.1.example.org', 'off'],
  ['localhost.example.org', 'off'],
  ['node_7', 'off'],
];
for (const [worker_url, adminApi] of hosts) {
  test(`on "${worker_url}" the admin API is ${adminApi} without a token, and asks for the token with one`, () => {
    assert.equal(parseConfig({ sandbox: 'sock', worker_url }).adminApi, adminApi);
    assert.equal(parseConfig({ sandbox: 'sock', worker_url, admin_token }).adminApi, 'token');
  });
}

test('switched off it is off for all, wherever the worker listens', () => {
  for (const worker_url of ['localhost', '0.0.0.0'])
    assert.equal(parseConfig({ sandbox: 'sock', worker_url, admin_token, admin_tcp: false }).adminApi, 'off');
});
