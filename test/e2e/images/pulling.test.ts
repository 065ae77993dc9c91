// `worker pull` of images from a real registry, and lambdas whose code is there.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { createPrivateKey, createSign, X509Certificate } from 'node:crypto';
import { lstatSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { Member } from '../../unit/registry/archives.ts';
import { site } from '../../unit/registry/http/site.ts';
import { makeImage, makeIndex, sha256 } from '../../unit/registry/oci/made-image.ts';
import { makeLayout } from '../../unit/registry/oci/made-layout.ts';
import { registryServer } from '../../unit/registry/oci/registry-server.ts';
import { scratch } from '../../unit/registry/rig.ts';
import { type Ground, ground } from '../cli/ground.ts';
import { startWorker } from '../worker.ts';
import { needsRegistry, ran, realRegistry } from './real-registry.ts';

const options = needsRegistry();
const main = fileURLToPath(new URL('../../../src/cli/main.js', import.meta.url));
const first: readonly Member[] = [
  { name: 'etc/', type: '5', mode: 0o755 },
  { name: 'etc/motd', content: 'hello', mode: 0o640 },
  { name: 'etc/gone', content: 'x' },
  { name: 'bin/', type: '5', mode: 0o755 },
  { name: 'bin/tool', content: '#!/bin/sh\n', mode: 0o755 },
  { name: 'bin/link', type: '2', linkname: 'tool' },
];
const second: readonly Member[] = [
  { name: 'etc/.wh.gone', content: '' },
  { name: 'srv/', type: '5', mode: 0o755 },
  { name: 'srv/data', content: 'd'.repeat(100_000) },
];
const ten = [first, second, ...Array.from({ length: 8 }, (_, n): Member[] => [{ name: `srv/${n}`, content: `layer ${n}` }])];

function node(t: TestContext, keys: object = {}): Ground {
  const own = ground(t);
  own.configure({ ...keys });
  return own;
}

const layersOf = ({ dir }: Ground): string[] => readdirSync(join(dir, 'env/worker/images/layers'));

test('an image of ten layers is pulled, with a line for each, and each of its layers is what umoci unpacks', options, async (t) => {
  const registry = await realRegistry(t);
  const image = makeImage({ layers: ten });
  const layout = makeLayout(t, { it: image });
  await registry.copy(`oci:${layout}:it`, `docker://${registry.host}/team/ten:1`);
  const own = node(t);
  const name = `${registry.host}/team/ten:1`;
  const { exit, stdout, stderr } = own.run(['pull', '-p', 'env', name]);
  assert.deepEqual([exit, stderr], [0, '']);
  const lines = stdout.trimEnd().split('\n');
  assert.ok(lines.every((line) => line.startsWith(`${name}: `)));
  assert.match(lines[1] ?? '', /: 0 of 10 layers, 0\.0 of 0\.0 MB$/);
  assert.equal(lines.at(-1), `${name}: it is on the node`);
  assert.equal(layersOf(own).filter((hex) => /^[0-9a-f]{64}$/.test(hex)).length, 10);

  const bundle = join(scratch(t), 'bundle');
  assert.equal(spawnSync('umoci', ['unpack', '--image', `${layout}:it`, bundle]).status, 0);
  const trees = image.diffIds.map((diffId) => join(own.dir, 'env/worker/images/layers', diffId.slice(7), 'tree'));
  assert.deepEqual(merged(trees), entries(join(bundle, 'rootfs')));
  const again = own.run(['pull', '-p', 'env', name]);
  assert.match(again.stdout, /10 of 10 layers, 0\.0 of 0\.0 MB/);
});

/** What overlay shows of these, lowest first: the entries of the upper ones, without what their whiteouts hide. */
function merged(trees: readonly string[]): Record<string, string> {
  const all: Record<string, string> = {};
  for (const tree of trees) {
    for (const [path, entry] of Object.entries(entries(tree))) {
      if (entry === 'whiteout') delete all[path];
      else all[path] = entry;
    }
  }
  return Object.fromEntries(Object.entries(all).sort());
}

function entries(root: string): Record<string, string> {
  const found = readdirSync(root, { recursive: true, encoding: 'utf8' }).map((path) => {
    const at = join(root, path);
    const stat = lstatSync(at);
    const { mode, uid, gid, mtimeMs } = stat;
    if (stat.isCharacterDevice()) return [path, 'whiteout'];
    const content = stat.isSymbolicLink() ? readlinkSync(at) : stat.isFile() ? sha256(readFileSync(at)) : '';
    return [path, [(mode & 0o777777).toString(8), uid, gid, stat.isFile() ? mtimeMs : '', content].join(' ')];
  });
  return Object.fromEntries(found.sort());
}

test('the same layers come from zstd, from an index, in Docker’s form, from a layout, from an archive', options, async (t) => {
  const registry = await realRegistry(t);
  const zstd = { pack: (tar: Buffer) => spawnSync('zstd', { input: tar }).stdout, type: 'application/vnd.oci.image.layer.v1.tar+zstd' };
  const [gzipped, packed] = [makeImage({ layers: [first, second] }), makeImage({ layers: [first, second], packing: zstd })];
  const index = makeIndex([
    { image: gzipped, platform: { os: 'linux', architecture: 'mips' } },
    { image: packed, platform: JSON.parse(packed.config.toString()) },
  ]);
  const parts = [gzipped, packed].flatMap(({ digest, manifest, blobs }) => [[digest, manifest] as const, ...blobs]);
  const layout = makeLayout(t, { gzipped, packed, index: { digest: sha256(index), manifest: index, blobs: new Map(parts) } });
  const archive = join(scratch(t), 'saved.tar');
  await registry.copy('--format', 'v2s2', `oci:${layout}:gzipped`, `docker://${registry.host}/docker`);
  await registry.copy('--all', `oci:${layout}:index`, `docker://${registry.host}/index`);
  await registry.copy(`oci:${layout}:gzipped`, `docker-archive:${archive}:a/b:c`);
  const own = node(t);
  const names = [`${registry.host}/docker`, `oci://${registry.host}/index:latest`, `oci:${layout}:gzipped`, `oci:${layout}:packed`];
  for (const name of [...names, `docker-archive:${archive}`]) {
    rmSync(join(own.dir, 'env/worker/images'), { recursive: true, force: true });
    const { exit, stderr } = own.run(['pull', '-p', 'env', name]);
    assert.deepEqual([exit, stderr, layersOf(own).sort()], [0, '', packed.diffIds.map((diffId) => diffId.slice(7)).sort()], name);
  }
});

test('a registry that wants a name and a password', options, async (t) => {
  const file = join(scratch(t), 'htpasswd');
  writeFileSync(file, 'me:$2y$04$ypFzjWCrFF3zAYVEVXGwce5UDOxwxDlSJEby/FzRidOayD8lXVwvC\n');
  const registry = await realRegistry(t, { auth: { htpasswd: { realm: 'here', path: file } }, user: 'me:pass word' });
  await registry.copy(`oci:${makeLayout(t, { it: makeImage() })}:it`, `docker://${registry.host}/x`);
  const own = node(t);
  const pull = () => own.run(['pull', '-p', 'env', `${registry.host}/x`]);
  const refused = pull();
  assert.equal(refused.exit, 1);
  assert.match(refused.stderr, /the answer is 401; access is refused \(registry_auth in the config, or docker login/);
  own.configure({ registry_auth: { [registry.host]: { username: 'me', password: 'wrong' } } });
  assert.equal(pull().exit, 1);
  own.configure({ registry_auth: { [registry.host]: { username: 'me', password: 'pass word' } } });
  assert.deepEqual([pull().exit, pull().stderr], [0, '']);
});

test('a registry that trusts a token server', options, async (t) => {
  const dir = scratch(t);
  const [key, certificate] = [join(dir, 'key.pem'), join(dir, 'certificate.pem')];
  const made = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=tokens', '-keyout', key, '-out', certificate];
  assert.equal(spawnSync('openssl', made).status, 0);
  const base64 = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const tokens = await site(t, ({ url = '', headers }, response) => {
    const { searchParams } = new URL(url, 'http://here/');
    const known = headers.authorization === `Basic ${Buffer.from('me:pass').toString('base64')}`;
    const [type, name, actions = ''] = (searchParams.get('scope') ?? '').split(':');
    const now = Math.floor(Date.now() / 1000);
    const head = base64({ alg: 'RS256', typ: 'JWT', x5c: [new X509Certificate(readFileSync(certificate)).raw.toString('base64')] });
    const access = known ? [{ type, name, actions: actions.split(',') }] : [];
    const claims = base64({
      iss: 'tokens',
      sub: 'me',
      aud: searchParams.get('service'),
      exp: now + 300,
      nbf: now - 60,
      iat: now,
      jti: `${now}`,
      access,
    });
    const signature = createSign('RSA-SHA256')
      .update(`${head}.${claims}`)
      .sign(createPrivateKey(readFileSync(key)), 'base64url');
    response.end(JSON.stringify({ token: `${head}.${claims}.${signature}`, expires_in: 300 }));
  });
  const auth = { token: { realm: `${tokens.url}/token`, service: 'the registry', issuer: 'tokens', rootcertbundle: certificate } };
  const registry = await realRegistry(t, { auth, user: 'me:pass' });
  await registry.copy(`oci:${makeLayout(t, { it: makeImage() })}:it`, `docker://${registry.host}/x`);
  const own = node(t);
  const pull = () => ran(own.start(['pull', '-p', 'env', `${registry.host}/x`]));
  assert.match((await pull()).stderr, /access is refused/);
  own.configure({ registry_auth: { [registry.host]: { username: 'me', password: 'pass' } } });
  const { exit, stderr } = await pull();
  assert.deepEqual([exit, stderr], [0, '']);
});

test('a worker that runs pulls for those who ask, and tells how far it is: to them, in its log, in /debug', options, async (t) => {
  const server = await registryServer(t);
  const image = makeImage();
  server.put('x', 'latest', image);
  let [reached, go] = [(): void => {}, (): void => {}];
  const stuck = new Promise<void>((resolve) => (reached = resolve));
  const going = new Promise<void>((resolve) => (go = resolve));
  server.instead = (_, response, path) => {
    if (!path.endsWith(sha256(image.layers[1] as Buffer))) return false;
    reached();
    void going.then(() => response.end(image.layers[1]));
    return true;
  };
  const worker = await startWorker(t);
  const name = `${server.host}/x`;
  const pull = ran(
    spawn(process.execPath, [main, 'pull', '-c', join(worker.dir, 'config.json'), name], { stdio: ['ignore', 'pipe', 'pipe'] }),
  );
  await stuck;
  await worker.logged(({ msg }) => new RegExp(`^pull ${name}:latest: 1 of 2 layers`).test(msg));
  const debug = await worker.call('', undefined, { path: '/debug', method: 'GET' });
  assert.match(debug.text, new RegExp(`^PULL ${name}:latest: 1 of 2 layers, .* MB$`, 'm'));
  go();
  const { exit, stdout, stderr } = await pull;
  assert.deepEqual([exit, stderr, stdout.trimEnd().split('\n').at(-1)], [0, '', `${name}:latest: it is on the node`]);
  await worker.logged(({ msg }) => msg === `pull ${name}:latest: done, 2 of 2 layers, 0.0 of 0.0 MB`);
  const failed = await ran(
    spawn(process.execPath, [main, 'pull', '-c', join(worker.dir, 'config.json'), `${server.host}/none`], {
      stdio: ['ignore', 'pipe', 'pipe'],
    }),
  );
  assert.equal(failed.exit, 1);
  assert.match(failed.stderr, /^worker: pull ".*\/none": get manifests\/latest of .*\/none: there is none$/m);
});

test('a worker that is killed in the middle of a pull leaves nothing that counts as present', options, async (t) => {
  const server = await registryServer(t);
  const image = makeImage();
  server.put('x', 'latest', image);
  let reached = (): void => {};
  const stuck = new Promise<void>((resolve) => (reached = resolve));
  server.instead = (_, response, path) => {
    const blob = image.layers[1] as Buffer;
    if (!path.endsWith(sha256(blob))) return false;
    response.writeHead(200, { 'content-length': blob.length }).write(blob.subarray(0, 20), reached);
    return true;
  };
  const own = node(t);
  const pull = own.start(['pull', '-p', 'env', `${server.host}/x`]);
  const told = ran(pull);
  await stuck;
  pull.kill('SIGKILL');
  await told;
  server.instead = () => false;
  const { exit } = await ran(own.start(['pull', '-p', 'env', `${server.host}/x`]));
  assert.equal(exit, 0);
  const images = join(own.dir, 'env/worker/images');
  assert.deepEqual(readdirSync(join(images, 'blobs')), []);
  assert.deepEqual(layersOf(own).sort(), image.diffIds.map((diffId) => diffId.slice(7)).sort());
});

test('a pull that is interrupted ends at once and leaves nothing', options, async (t) => {
  const server = await registryServer(t);
  const image = makeImage();
  server.put('x', 'latest', image);
  let reached = (): void => {};
  const stuck = new Promise<void>((resolve) => (reached = resolve));
  server.instead = (_, __, path) => {
    if (path.includes('blobs')) reached();
    return path.includes('blobs');
  };
  const own = node(t);
  const pull = own.start(['pull', '-p', 'env', `${server.host}/x`, 'y/z']);
  const told = ran(pull);
  await stuck;
  pull.kill('SIGINT');
  const { exit, stderr } = await told;
  assert.equal(exit, 1);
  assert.match(stderr, /: interrupted$/m);
  assert.deepEqual([readdirSync(join(own.dir, 'env/worker/images/blobs')), layersOf(own)], [[], []]);
});

test('lambdas are images of a registry: a moved tag takes over, and a registry that is gone takes nothing away', options, async (t) => {
  const registry = await realRegistry(t);
  const [one, two] = [makeImage(), makeImage()];
  const layout = makeLayout(t, { one, two });
  await registry.copy(`oci:${layout}:one`, `docker://${registry.host}/team/hello:latest`);
  const config = { registry: `oci://${registry.host}/team`, registry_cache_ms: 0 };
  const worker = await startWorker(t, { config });
  const look = (name: string) => worker.call('', undefined, { path: `/registry/${name}/config`, method: 'GET' });
  assert.equal((await look('hello')).status, 200);
  assert.equal((await look('other')).status, 404);
  const called = await worker.call('hello', {});
  assert.deepEqual([called.status, called.json<{ error: { code: string } }>().error.code], [500, 'code-invalid'], called.text);
  await registry.copy(`oci:${layout}:two`, `docker://${registry.host}/team/hello:latest`);
  await look('hello');
  await worker.logged(
    ({ msg }) =>
      msg.startsWith(`pull ${registry.host}/team/hello:latest: done`) &&
      worker.log.filter(({ msg }) => msg.includes(': done')).length === 2,
  );
  const layers = readdirSync(join(worker.workerDir, 'images/layers'));
  assert.ok([...one.diffIds, ...two.diffIds].every((diffId) => layers.includes(diffId.slice(7))));
  await registry.stop();
  assert.equal((await look('hello')).status, 200);
  assert.equal(await worker.stop(), 0);
  const again = await startWorker(t, { config, dir: worker.dir });
  assert.equal((await again.call('', undefined, { path: '/registry/hello/config', method: 'GET' })).status, 200);
  assert.equal((await again.call('', undefined, { path: '/registry/hello', method: 'GET' })).status, 409);
});
