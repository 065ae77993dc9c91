// What a good registry gives over HTTP, and what it is asked for.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { httpRemote } from '../../../../src/registry/http/remote.ts';
import { defaultLimits } from '../../../../src/registry/limits.ts';
import { tarGz } from '../archives.ts';
import { content, leftovers, remoteRig } from './remote-rig.ts';
import { type Files, serving, site } from './site.ts';

const archive = (text: string): Uint8Array => tarGz({ name: 'f.py', content: text });
const sha256 = (bytes: string | Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

test('an archive is the lambda, else a file; they are looked for below the URL, with or without a slash at its end', async (t) => {
  const packed = archive('archive');
  const server = await site(t, serving({ '/a/b/x.tar.gz': packed, '/a/b/x.py': 'file', '/a/b/y.py': 'file' }));
  for (const path of ['/a/b', '/a/b/']) {
    const { registry, store } = remoteRig(t, server.url + path);
    const x = await registry.resolve('x');
    assert.deepEqual([content(x), x.digest, x.dir], ['archive', sha256(packed), store.path(x.digest)]);
    assert.equal(content(await registry.resolve('y')), 'file');
    assert.deepEqual(await leftovers(store), []);
  }
  assert.deepEqual(
    server.asked.slice(0, 3).map(({ path }) => path),
    ['/a/b/x.tar.gz', '/a/b/y.tar.gz', '/a/b/y.py'],
  );
});

test('names that are no single harmless component, or too long for one, are not asked for', async (t) => {
  const server = await site(t, serving({}));
  const { registry } = remoteRig(t, server.url);
  for (const name of ['', '.', '..', '../x', 'a/b', 'a b', 'ä', '%2e%2e', 'a?b', 'a#b']) {
    await assert.rejects(registry.resolve(name), { code: 'lambda-name' }, name);
  }
  await assert.rejects(registry.resolve('x'.repeat(241)), { code: 'lambda-unknown' });
  assert.equal(server.asked.length, 0);
});

for (const by of ['etag', 'last-modified'] as const) {
  test(`what is unchanged by its ${by} is not sent again, and is the very object that was known`, async (t) => {
    const files: Files = { '/x.py': 'one' };
    let modified = 1_600_000_000_000;
    const server = await site(t, serving(files, { by, modified: () => modified }));
    const { registry } = remoteRig(t, server.url);
    const one = await registry.resolve('x');
    assert.equal(content(one), 'one');
    assert.equal(await registry.resolve('x', one), one);
    assert.equal(server.asked.length, 3);
    const { headers, path } = server.asked[2] ?? { headers: {}, path: '' };
    assert.equal(path, '/x.py', 'the form that it has is looked for first');
    assert.ok(headers[by === 'etag' ? 'if-none-match' : 'if-modified-since'] !== undefined);
    files['/x.py'] = 'two';
    modified += 1000;
    assert.equal(content(await registry.resolve('x', one)), 'two');
  });
}

test('a version that cannot be told from the next is sent each time: no validator, or a time that has just been', async (t) => {
  for (const by of ['nothing', 'last-modified'] as const) {
    const files: Files = { '/x.py': 'one' };
    const server = await site(t, serving(files, { by, modified: () => Date.now() }));
    const { registry } = remoteRig(t, server.url);
    const one = await registry.resolve('x');
    assert.equal(await registry.resolve('x', one), one);
    files['/x.py'] = 'two';
    assert.equal(content(await registry.resolve('x', one)), 'two', by);
    assert.ok(server.asked.every(({ headers }) => headers['if-modified-since'] === undefined));
  }
});

test('after a restart nothing is sent again that is on the node', async (t) => {
  const server = await site(t, serving({ '/x.tar.gz': archive('one') }));
  const first = remoteRig(t, server.url);
  const one = await first.registry.resolve('x');
  const { registry } = await first.restarted();
  assert.deepEqual(await registry.resolve('x'), one);
  assert.equal(content(one), 'one');
  assert.equal(server.asked.length, 2);
  assert.ok(server.asked[1]?.headers['if-none-match'] !== undefined);
});

test('what another registry said of its packages, and what was half written, counts for nothing', async (t) => {
  const sites = [await site(t, serving({ '/x.py': 'one' })), await site(t, serving({ '/x.py': 'two' }))] as const;
  const first = remoteRig(t, sites[0].url);
  await first.registry.resolve('x');
  const second = await first.restarted(httpRemote(sites[1].url));
  assert.equal(content(await second.registry.resolve('x')), 'two');
  assert.ok(sites[1].asked.every(({ headers }) => headers['if-none-match'] === undefined));
  writeFileSync(join(second.store.dir, 'versions/x'), '{"source":');
  const third = await second.restarted();
  assert.equal(content(await third.registry.resolve('x')), 'two');
});

test('code of another registry is no stand-in for that of one that is down', async (t) => {
  const server = await site(t, serving({ '/x.py': 'one' }));
  const down = await site(t, serving({}));
  await down.close();
  const first = remoteRig(t, server.url, { times: { attempts: 1 } });
  await first.registry.resolve('x');
  const { registry } = await first.restarted(httpRemote(down.url));
  await assert.rejects(registry.resolve('x'), { code: 'registry-unavailable' });
});

test('a lambda that is gone is unknown, and its code goes', async (t) => {
  const files: Files = { '/x.py': 'one' };
  const server = await site(t, serving(files));
  const { registry, store } = remoteRig(t, server.url);
  const one = await registry.resolve('x');
  delete files['/x.py'];
  await assert.rejects(registry.resolve('x', one), { code: 'lambda-unknown' });
  await store.settled();
  assert.equal(existsSync(one.dir), false);
  files['/x.tar.gz'] = archive('back');
  assert.equal(content(await registry.resolve('x')), 'back');
});

test('all that ask for a lambda at once share one download', async (t) => {
  const server = await site(t, serving({ '/x.tar.gz': archive('one') }));
  const { registry } = remoteRig(t, server.url);
  const all = await Promise.all(Array.from({ length: 50 }, () => registry.resolve('x')));
  assert.equal(server.asked.length, 1);
  assert.equal(new Set(all).size, 1);
});

test('a lambda that is not to be had is not looked for again at once', async (t) => {
  const files: Files = {};
  const server = await site(t, serving(files));
  const { registry } = remoteRig(t, server.url, { times: { missMs: 60_000 } });
  await assert.rejects(registry.resolve('x'), { code: 'lambda-unknown' });
  files['/x.py'] = 'one';
  await assert.rejects(registry.resolve('x'), { code: 'lambda-unknown' });
  assert.equal(server.asked.length, 2);
});

test('code that cannot be used is neither sent nor unpacked again, until it is other code', async (t) => {
  const files: Files = { '/x.tar.gz': tarGz({ name: '../f.py', content: '' }) };
  const server = await site(t, serving(files));
  const { registry, store } = remoteRig(t, server.url);
  await assert.rejects(registry.resolve('x'), { code: 'code-invalid', detail: /\.\.\/f\.py/ });
  await assert.rejects(registry.resolve('x'), { code: 'code-invalid', detail: /\.\.\/f\.py/ });
  assert.ok(server.asked[1]?.headers['if-none-match'] !== undefined);
  assert.deepEqual(await leftovers(store), []);
  files['/x.tar.gz'] = archive('good');
  assert.equal(content(await registry.resolve('x')), 'good');
});

test('a package that a registry forbids to see counts as missing only if it is found in its other form', async (t) => {
  const server = await site(t, ({ url }, response) => response.writeHead(url === '/x.py' ? 200 : 403, { 'content-length': 2 }).end('42'));
  const { registry } = remoteRig(t, server.url);
  assert.equal(content(await registry.resolve('x')), '42');
  await assert.rejects(registry.resolve('y'), {
    code: 'registry-unavailable',
    detail: 'it answered 403 (give credentials for its host in the config key registry_auth)',
  });
});

test('the limits of packages hold for what is sent', async (t) => {
  const server = await site(t, serving({ '/x.py': 'x'.repeat(1001) }));
  const { registry } = remoteRig(t, server.url, { limits: { ...defaultLimits, fileBytes: 1000 } });
  await assert.rejects(registry.resolve('x'), {
    code: 'registry-unavailable',
    detail: 'it sends more than the 1000 bytes that a package may have',
  });
});

test('a .tar.gz that is called a tar with an encoding is what it is; a .py with one is refused', async (t) => {
  const packed = archive('one');
  const server = await site(t, ({ url }, response) => {
    if (url === '/y.tar.gz') response.writeHead(404).end();
    else response.writeHead(200, { 'content-encoding': 'gzip', 'content-length': packed.length }).end(packed);
  });
  const { registry } = remoteRig(t, server.url);
  assert.equal((await registry.resolve('x')).digest, sha256(packed));
  await assert.rejects(registry.resolve('y'), { code: 'registry-unavailable', detail: /Content-Encoding "gzip"/ });
  assert.ok(server.asked.every(({ headers }) => headers['accept-encoding'] === 'identity'));
});

test('closing cuts a download that is under way', async (t) => {
  let begun = (): void => {};
  const sending = new Promise<void>((resolve) => (begun = resolve));
  const server = await site(t, (_, response) => {
    response.writeHead(200, { 'content-length': 100 });
    response.write(Buffer.from([0x1f, 0x8b]), begun);
  });
  const { registry, store } = remoteRig(t, server.url);
  const resolved = assert.rejects(registry.resolve('x'), { code: 'draining' });
  await sending;
  await registry.close();
  await resolved;
  assert.deepEqual(await leftovers(store), []);
});
