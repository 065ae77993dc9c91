// What proves to a registry who asks, and that nobody else gets it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { httpRemote } from '../../../../src/registry/http/remote.ts';
import { content, remoteRig } from './remote-rig.ts';
import { serving, site } from './site.ts';

const basic = (text: string): string => `Basic ${Buffer.from(text).toString('base64')}`;
const withUser = (url: string): string => url.replace('//', '//me:p%40ss%25@');

test('a user in the URL, credentials by host and port, by host, and a token become an Authorization', () => {
  const sent = (location: string, auth = {}) => httpRemote(location, auth).authorize(new URL('http://a/'));
  const [password, token] = [{ username: 'me', password: 'pä:ss' }, { token: 'secret' }];
  assert.deepEqual(sent('https://me:p%40ss@a/'), { authorization: basic('me:p@ss') });
  assert.deepEqual(sent('https://me@a/', { a: token }), { authorization: basic('me:') });
  assert.deepEqual(sent('https://a:5000/', { a: token, 'a:5000': password }), { authorization: basic('me:pä:ss') });
  assert.deepEqual(sent('https://a:5000/', { a: token }), { authorization: 'Bearer secret' });
  assert.deepEqual(sent('https://a/', { b: token, 'a:5000': token }), {});
  assert.equal(httpRemote('https://me:pass@a/b').base.href, 'https://a/b/');
});

test('another host gets no credentials, neither by a redirect nor by one that leads back', async (t) => {
  const other = await site(t, serving({ '/elsewhere': 'x = 1' }));
  const own = await site(t, ({ url }, response) => {
    if (url === '/x.py') response.writeHead(307, { location: `${withUser(other.url)}/elsewhere` }).end();
    else if (url === '/y.py') response.writeHead(302, { location: `${other.url}/back` }).end();
    else if (url === '/back') response.writeHead(200, { 'content-length': 5 }).end('y = 1');
    else response.writeHead(404).end();
  });
  const { registry } = remoteRig(t, withUser(own.url));
  assert.equal(content(await registry.resolve('x')), 'x = 1');
  other.answer = (_, response) => response.writeHead(302, { location: `${own.url}/back` }).end();
  assert.equal(content(await registry.resolve('y')), 'y = 1');
  assert.deepEqual(
    own.asked.map(({ path, headers }) => [path, headers.authorization]),
    [
      ['/x.tar.gz', basic('me:p@ss%')],
      ['/x.py', basic('me:p@ss%')],
      ['/y.tar.gz', basic('me:p@ss%')],
      ['/y.py', basic('me:p@ss%')],
      ['/back', undefined],
    ],
  );
  assert.deepEqual(
    other.asked.map(({ headers }) => headers.authorization),
    [undefined, undefined],
  );
});

test('a redirect within the registry has them, and may be relative', async (t) => {
  const own = await site(t, ({ url }, response) => {
    if (url === '/a/x.tar.gz') response.writeHead(404).end();
    else if (url === '/a/x.py') response.writeHead(308, { location: '../b/x.py?version=2#part' }).end();
    else response.writeHead(200, { 'content-length': 5 }).end('x = 2');
  });
  const { registry } = remoteRig(t, `${withUser(own.url)}/a`);
  assert.equal(content(await registry.resolve('x')), 'x = 2');
  assert.deepEqual([own.asked[2]?.path, own.asked[2]?.headers.authorization], ['/b/x.py?version=2', basic('me:p@ss%')]);
});

test('no message has credentials, nor the query of a signed URL', async (t) => {
  const own = await site(t, ({ url = '' }, response) =>
    url.startsWith('/x') ? response.writeHead(302, { location: '/signed?key=secret' }).end() : response.writeHead(400).end(),
  );
  const { registry } = remoteRig(t, withUser(own.url));
  await assert.rejects(registry.resolve('x'), (error: Error) => {
    assert.equal(error.message, 'the registry cannot be read now: it answered 400');
    assert.ok(error.cause instanceof Error);
    assert.equal(error.cause.message, `get ${own.url}/x.tar.gz: it answered 400`);
    return true;
  });
});

test('wrong credentials are told apart from none', async (t) => {
  const own = await site(t, (_, response) => response.writeHead(401).end());
  for (const [url, advice] of [
    [own.url, 'give credentials for its host in the config key registry_auth'],
    [withUser(own.url), 'check the credentials of its host in the config key registry_auth'],
  ] as const) {
    const { registry } = remoteRig(t, url);
    await assert.rejects(registry.resolve('x'), { code: 'registry-unavailable', detail: `it answered 401 (${advice})` });
  }
});
