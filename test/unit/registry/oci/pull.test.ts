// Pulling from a registry that is in order, and from one that fails now and then.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { PullProgress } from '../../../../src/registry/oci/progress.ts';
import { bring, type ImagesRig, imagesRig } from './images-rig.ts';
import { makeImage, makeIndex, sha256, types } from './made-image.ts';
import { cut, type RegistryServer, registryServer } from './registry-server.ts';

async function start(t: TestContext): Promise<{ server: RegistryServer; rig: ImagesRig }> {
  return { server: await registryServer(t), rig: imagesRig(t) };
}

const asked = (server: RegistryServer, what: RegExp): number => server.questions.filter((question) => what.test(question)).length;

test('an image is its layers, lowest first, and what its configuration says', async (t) => {
  const { server, rig } = await start(t);
  const image = makeImage({ config: { config: { Cmd: ['x'], Env: ['A=1'] } } });
  server.put('team/app', '1.2', image);
  const source = rig.images.source(`${server.host}/team/app:1.2`);
  const record = await rig.images.pull(source);
  assert.deepEqual(
    [record.digest, record.meant, record.reference],
    [image.digest, image.digest, `${server.host}/team/app@${image.digest}`],
  );
  const { layers, config, reference } = rig.images.image(record);
  assert.deepEqual([config.command, config.environment, reference], [['x'], ['A=1'], record.reference]);
  assert.equal(readFileSync(join(layers[0] ?? '', 'etc/name'), 'utf8'), 'one');
  assert.ok(existsSync(join(layers[1] ?? '', 'handler/f.py')));
  assert.deepEqual(rig.leftovers(), []);
  rig.images.release(record);
});

test('what is here is not asked for again: neither layers that another image has, nor an image that is what it was, over a restart neither', async (t) => {
  const { server, rig } = await start(t);
  const common = [{ name: 'base', content: 'base' }];
  server.put('a', 'latest', makeImage({ layers: [common, [{ name: 'a', content: 'a' }]] }));
  server.put('b', 'latest', makeImage({ layers: [common, [{ name: 'b', content: 'b' }]] }));
  await bring(rig, `${server.host}/a`);
  await bring(rig, `${server.host}/b`);
  assert.equal(asked(server, /blobs/), 2 + 3);
  const before = server.questions.length;
  await bring(rig, `${server.host}/a`);
  const next = await rig.again();
  await bring(next, `${server.host}/a`);
  assert.deepEqual(server.questions.slice(before), Array(2).fill('HEAD /v2/a/manifests/latest'));
});

test('twenty pulls of one image at once bring each layer once', async (t) => {
  const { server, rig } = await start(t);
  const image = makeImage();
  server.put('a', 'latest', image);
  await Promise.all(Array.from({ length: 20 }, () => bring(rig, `${server.host}/a`)));
  for (const layer of image.layers) assert.equal(asked(server, new RegExp(`blobs/${sha256(layer)}`)), 1);
});

test('an index, in an index too, is the image of this platform', async (t) => {
  const { server, rig } = await start(t);
  const [image, other] = [makeImage(), makeImage()];
  const platform = JSON.parse(image.config.toString());
  const inner = makeIndex([
    { image: other, platform: { os: 'windows', architecture: 'amd64' } },
    { image, platform },
  ]);
  const outer = makeIndex([{ image: { manifest: inner, digest: sha256(inner) }, type: types.oci.index }]);
  for (const part of [other, image]) server.put('a', 'part', part);
  server.put('a', 'inner', { manifest: inner, blobs: new Map() });
  server.put('a', 'latest', { manifest: outer, blobs: new Map() });
  const record = await bring(rig, `${server.host}/a`);
  assert.deepEqual([record.digest, record.meant], [image.digest, sha256(outer)]);
});

test('by its digest an image is had without a look at a tag', async (t) => {
  const { server, rig } = await start(t);
  const image = makeImage({ kind: 'docker' });
  server.put('a', 'latest', image);
  assert.equal((await bring(rig, `${server.host}/a@${image.digest}`)).digest, image.digest);
  assert.equal(asked(server, /HEAD/), 0);
});

test('a registry that tells no digest for HEAD is asked for the manifest', async (t) => {
  const { server, rig } = await start(t);
  const image = makeImage();
  server.put('a', 'latest', image);
  server.instead = (request, response) => {
    if (request.method === 'HEAD') response.writeHead(200).end();
    return request.method === 'HEAD';
  };
  assert.equal((await bring(rig, `${server.host}/a`)).digest, image.digest);
});

test('a layer that comes twice counts where it comes last', async (t) => {
  const { server, rig } = await start(t);
  const [empty, other] = [[], [{ name: 'a', content: 'a' }]];
  const image = makeImage({ layers: [empty, other, empty] });
  server.put('a', 'latest', image);
  assert.deepEqual((await bring(rig, `${server.host}/a`)).diffIds, image.diffIds.slice(1));
});

test('what fails in passing is tried again, after the time that is asked for; a connection that was cut goes on where it was', async (t) => {
  const server = await registryServer(t);
  const content = randomBytes(300_000);
  const image = makeImage({ layers: [[{ name: 'big', content }]] });
  server.put('a', 'latest', image);
  const blob = image.layers[0] as Buffer;
  const ranges: (string | undefined)[] = [];
  const failures = [429, 503, 500];
  server.instead = (request, response, path) => {
    if (!path.endsWith(sha256(blob))) {
      const status = failures.shift();
      if (status !== undefined) response.writeHead(status, { 'retry-after': '0' }).end();
      return status !== undefined;
    }
    ranges.push(request.headers.range);
    if (ranges.length > 1) return false;
    cut(response, blob, 100_000);
    return true;
  };
  const rig = imagesRig(t, { retrying: { attempts: 4, firstMs: 1 } });
  await bring(rig, `${server.host}/a`);
  assert.equal(ranges[0], undefined);
  const from = Number(/^bytes=(\d+)-$/.exec(ranges[1] ?? '')?.[1]);
  assert.ok(from > 0 && from <= 100_000, `${ranges[1]}`);
  assert.deepEqual(rig.leftovers(), []);
});

test('where a blob cannot be had from the middle on, it comes from its beginning', async (t) => {
  const { server, rig } = await start(t);
  const image = makeImage();
  const [blob] = image.layers as [Buffer];
  server.put('a', 'latest', image);
  let times = 0;
  server.instead = (_, response, path) => {
    if (!path.endsWith(sha256(blob))) return false;
    times += 1;
    if (times === 1) cut(response, blob, 50);
    else response.writeHead(200, { 'content-length': blob.length }).end(blob);
    return true;
  };
  await bring(rig, `${server.host}/a`);
  assert.equal(times, 2);
});

test('progress counts layers and bytes, of those that were not here', async (t) => {
  const { server, rig } = await start(t);
  const base = [{ name: 'base', content: 'base' }];
  server.put('base', 'latest', makeImage({ layers: [base] }));
  await bring(rig, `${server.host}/base`);
  const image = makeImage({ layers: [base, [{ name: 'x', content: 'x' }], [{ name: 'y', content: 'y' }]] });
  server.put('a', 'latest', image);
  const told: PullProgress[] = [];
  await rig.images.bring(`${server.host}/a`, { onProgress: (now) => told.push(now) });
  const bytes = (image.layers[1]?.length ?? 0) + (image.layers[2]?.length ?? 0);
  assert.deepEqual(
    [told[0], told[1], told.at(-1)].map((now) => now && [now.at, now.layers.done, now.layers.of, now.bytes.done, now.bytes.of]),
    [
      ['looking', 0, 0, 0, 0],
      ['pulling', 1, 3, 0, bytes],
      ['done', 3, 3, bytes, bytes],
    ],
  );
  assert.ok(told.every((now, at) => at === 0 || now.bytes.done >= (told[at - 1]?.bytes.done ?? 0)));
  assert.deepEqual(rig.images.underWay(), []);
});

test('a pull that is cancelled ends, leaves nothing, and takes no other one with it', async (t) => {
  const { server, rig } = await start(t);
  const image = makeImage();
  const [lower, upper] = image.layers as [Buffer, Buffer];
  server.put('a', 'latest', image);
  const other = makeImage({ layers: [[{ name: 'etc/name', content: 'one' }]] });
  assert.equal(other.diffIds[0], image.diffIds[0]);
  server.put('b', 'latest', other);
  const cancel = new AbortController();
  let [begun, joined] = [(): void => {}, (): void => {}];
  const first = new Promise<void>((resolve) => (begun = resolve));
  const both = new Promise<void>((resolve) => (joined = resolve));
  let times = 0;
  server.instead = (_, response, path) => {
    if (path.startsWith('/v2/a/') && path.endsWith(sha256(lower))) {
      times += 1;
      response.writeHead(200, { 'content-length': lower.length }).write(lower.subarray(0, 10));
      begun();
      void both.then(() => cancel.abort(new Error('enough')));
      return true;
    }
    if (path === `/v2/b/blobs/${sha256(other.config)}`) {
      void first.then(() => response.end(other.config, () => setImmediate(joined)));
      return true;
    }
    return path.startsWith('/v2/a/') && path.endsWith(sha256(upper)); // never answered
  };
  const cancelled = rig.images.bring(`${server.host}/a`, { signal: cancel.signal });
  const second = bring(rig, `${server.host}/b`);
  await assert.rejects(cancelled, /^Error: enough$/);
  assert.equal((await second).digest, other.digest);
  assert.deepEqual([times, rig.leftovers()], [1, []]);
  assert.equal(rig.layers.has(image.diffIds[1] ?? ''), false);
});

test('a worker that stops cuts its pulls; what it leaves is removed by the next, but for layers that are whole', async (t) => {
  const { server, rig } = await start(t);
  const image = makeImage();
  const [, upper] = image.layers as [Buffer, Buffer];
  server.put('a', 'latest', image);
  let reached = (): void => {};
  const stuck = new Promise<void>((resolve) => (reached = resolve));
  server.instead = (_, response, path) => {
    if (!path.endsWith(sha256(upper))) return false;
    response.writeHead(200, { 'content-length': upper.length }).write(upper.subarray(0, 10));
    reached();
    return true;
  };
  const told = assert.rejects(bring(rig, `${server.host}/a`), { at: 'unavailable', message: /the worker is stopping/ });
  await stuck;
  const next = await rig.again();
  await told;
  assert.deepEqual(next.leftovers(), []);
  assert.equal(next.images.here(`${server.host}/a:latest`), undefined);
});

test('where an engine pulls the layers, an image is its manifest and its configuration', async (t) => {
  const server = await registryServer(t);
  const rig = imagesRig(t, { layers: undefined });
  const image = makeImage();
  server.put('a', 'latest', image);
  const record = await rig.images.pull(rig.images.source(`${server.host}/a`));
  assert.deepEqual(rig.images.image(record).layers, []);
  assert.equal(asked(server, /blobs/), 1);
  await assert.rejects(bring(rig, `${server.host}/a`), { at: 'invalid', message: /its Docker engine's/ });
});

test('a manifest of a platform that is not this one is told as that', async (t) => {
  const { server, rig } = await start(t);
  server.put('a', 'latest', makeImage({ config: { architecture: 's390x', os: 'zos' } }));
  await assert.rejects(bring(rig, `${server.host}/a`), { at: 'invalid', message: /the image is for zos\/s390x, this node is linux\// });
  assert.deepEqual(rig.leftovers(), []);
});
