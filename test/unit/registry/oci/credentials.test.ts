import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { credentialsFor, defaultDockerConfig } from '../../../../src/registry/oci/credentials.ts';
import { scratch } from '../rig.ts';

const base64 = (text: string): string => Buffer.from(text).toString('base64');

function docker(t: TestContext, content: unknown): string {
  const path = join(scratch(t), 'config.json');
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content));
  return path;
}

const logins: readonly (readonly [says: string, host: string, auths: object, expected: object | undefined])[] = [
  ['name and password', 'h.io', { 'h.io': { auth: base64('me:a:b') } }, { username: 'me', password: 'a:b' }],
  ['no padding', 'h.io', { 'h.io': { auth: 'bWU6eA' } }, { username: 'me', password: 'x' }],
  ['plain fields', 'h.io', { 'h.io': { username: 'me', password: 'x' } }, { username: 'me', password: 'x' }],
  ['an identity token', 'h.io', { 'h.io': { auth: base64('<token>:'), identitytoken: 'long' } }, { identityToken: 'long' }],
  ['a registry token', 'h.io', { 'h.io': { registrytoken: 'short' } }, { token: 'short' }],
  [
    'a host with a port',
    'h.io:5000',
    { 'h.io': { auth: base64('a:b') }, 'h.io:5000': { auth: base64('c:d') } },
    { username: 'c', password: 'd' },
  ],
  ['another port', 'h.io:5000', { 'h.io': { auth: base64('a:b') } }, undefined],
  ['a URL', 'h.io', { 'https://H.io/v2/': { auth: base64('a:b') } }, { username: 'a', password: 'b' }],
  [
    'Docker Hub as docker writes it',
    'docker.io',
    { 'https://index.docker.io/v1/': { auth: base64('a:b') } },
    { username: 'a', password: 'b' },
  ],
  ['a credential helper', 'h.io', { 'h.io': {} }, undefined],
  ['nothing', 'h.io', {}, undefined],
  ['names of every object', 'constructor', {}, undefined],
];
for (const [says, host, auths, expected] of logins) {
  test(`docker's login with ${says}`, (t) => {
    assert.deepEqual(credentialsFor(host, { registryAuth: {}, dockerConfig: docker(t, { auths, credsStore: 'x' }) }), expected);
  });
}

test('what the config says wins over a login', (t) => {
  const dockerConfig = docker(t, { auths: { 'h.io': { auth: base64('a:b') } } });
  const registryAuth = { 'h.io': { token: 'mine' }, 'docker.io': { username: 'hub', password: 'p' } };
  for (const host of ['h.io', 'h.io:5000']) assert.deepEqual(credentialsFor(host, { registryAuth, dockerConfig }), { token: 'mine' });
  assert.deepEqual(credentialsFor('docker.io', { registryAuth, dockerConfig }), { username: 'hub', password: 'p' });
});

test('a login that cannot be used is told, but not what is in it; one that is not there is none', (t) => {
  const ask = (content: unknown) => () => credentialsFor('h.io', { registryAuth: {}, dockerConfig: docker(t, content) });
  for (const content of ['{"auths":{"h.io":{"auth":"c2VjcmV0"', { auths: { 'h.io': { auth: base64('secret') } } }]) {
    assert.throws(
      ask(content),
      ({ at, message }: { at: string; message: string }) =>
        at === 'unavailable' && message.startsWith('read the logins in "') && !/c2Vj|secret/.test(message),
    );
  }
  for (const content of ['[]', 'null', '{"auths":[]}', '{"auths":{"h.io":"x"}}']) assert.equal(ask(content)(), undefined);
  assert.equal(credentialsFor('h.io', { registryAuth: {}, dockerConfig: '/no/such/file' }), undefined);
});

test('docker’s file is where DOCKER_CONFIG says, or in the home directory', () => {
  assert.equal(defaultDockerConfig({ DOCKER_CONFIG: '/etc/x' }), '/etc/x/config.json');
  assert.match(defaultDockerConfig({}), /^\/.*\/\.docker\/config\.json$/);
});
