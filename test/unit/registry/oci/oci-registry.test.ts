// Lambdas that are images: which one a lambda is, and what goes on when their registry does not.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import type { ImagesOptions } from '../../../../src/registry/oci/images.ts';
import { OciRegistry, type OciRegistryOptions } from '../../../../src/registry/oci/oci-registry.ts';
import { type ImagesRig, imagesRig } from './images-rig.ts';
import { type MadeImage, makeImage, sha256 } from './made-image.ts';
import { type RegistryServer, registryServer } from './registry-server.ts';

interface Rig {
  readonly server: RegistryServer;
  readonly own: ImagesRig;
  readonly registry: OciRegistry;
  readonly warnings: string[];
  again(): Promise<Rig>;
}

async function start(t: TestContext, options: Partial<OciRegistryOptions> = {}): Promise<Rig> {
  return rigOn(await registryServer(t), imagesRig(t), options);
}

function rigOn(server: RegistryServer, own: ImagesRig, options: Partial<OciRegistryOptions>): Rig {
  const warnings: string[] = [];
  const registry = new OciRegistry({
    url: `oci://${server.host}/team`,
    images: own.images,
    missMs: 0,
    warn: (text) => warnings.push(text),
    ...options,
  });
  own.beforeClose(() => registry.close());
  return {
    server,
    own,
    registry,
    warnings,
    again: async () => {
      await registry.close();
      return rigOn(server, await own.again(), options);
    },
  };
}

const hex = ({ digest }: MadeImage): string => digest.slice('sha256:'.length);
const looks = ({ questions }: RegistryServer): number => questions.filter((question) => question.startsWith('HEAD')).length;

/** The next look that is under way ends with the layer; the function lets it. */
function held(server: RegistryServer, image: MadeImage): { reached: Promise<void>; go(): void } {
  let [arrived, go] = [(): void => {}, (): void => {}];
  const reached = new Promise<void>((resolve) => (arrived = resolve));
  const going = new Promise<void>((resolve) => (go = resolve));
  server.instead = (_, response, path) => {
    const blob = path.endsWith(sha256(image.layers[1] as Buffer));
    if (blob) {
      arrived();
      void going.then(() => response.end(image.layers[1]));
    }
    return blob;
  };
  return { reached, go };
}

test('a lambda is the image <prefix>/<name>:latest', async (t) => {
  const { server, registry, own } = await start(t);
  const image = makeImage({ config: { config: { Cmd: ['x'] } } });
  server.put('team/hello', 'latest', image);
  const code = await registry.resolve('hello');
  assert.deepEqual([code.digest, code.dir, code.stamp], [hex(image), '', image.digest]);
  assert.deepEqual(
    [code.image?.layers.length, code.image?.config.command, code.image?.reference],
    [2, ['x'], `${server.host}/team/hello@${image.digest}`],
  );
  registry.retain(code);
  registry.release(code);
  assert.ok(image.diffIds.every((diffId) => own.layers.has(diffId)));
});

test('an unchanged tag costs one HEAD, and gives the same object', async (t) => {
  const { server, registry } = await start(t);
  server.put('team/hello', 'latest', makeImage());
  const code = await registry.resolve('hello');
  const before = server.questions.length;
  assert.equal(await registry.resolve('hello'), code);
  assert.deepEqual(server.questions.slice(before), ['HEAD /v2/team/hello/manifests/latest']);
});

test('those who ask at once share one look', async (t) => {
  const { server, registry } = await start(t);
  server.put('team/hello', 'latest', makeImage());
  const [one, two] = await Promise.all([registry.resolve('hello'), registry.resolve('hello')]);
  assert.deepEqual([one === two, looks(server)], [true, 1]);
});

test('what is not there, or cannot be, is unknown, and is not asked for again at once', async (t) => {
  const { server, registry } = await start(t, { missMs: 60_000 });
  await assert.rejects(async () => registry.resolve('hello'), { code: 'lambda-unknown' });
  await assert.rejects(async () => registry.resolve('hello'), { code: 'lambda-unknown' });
  assert.equal(server.questions.length, 1);
  for (const name of ['Hello', 'a..b', '-']) await assert.rejects(async () => registry.resolve(name), { code: 'lambda-unknown' });
  for (const name of ['../x', 'a/b', 'a:b', 'a@b', '']) await assert.rejects(async () => registry.resolve(name), { code: 'lambda-name' });
  assert.equal(server.questions.length, 1);
});

test('a moved tag takes over; while its image is on its way, the one that is here goes on', async (t) => {
  let [pulls, done] = [0, (): void => {}];
  const pulled = new Promise<void>((resolve) => (done = resolve));
  const onProgress: ImagesOptions['onProgress'] = (_, step) => {
    if (step === 'done' && ++pulls === 2) done();
  };
  const { server, registry, own } = rigOn(await registryServer(t), imagesRig(t, { onProgress }), { patienceMs: 100 });
  const [old, next] = [makeImage(), makeImage()];
  server.put('team/hello', 'latest', old);
  const code = await registry.resolve('hello');
  server.put('team/hello', 'latest', next);
  const pull = held(server, next);
  assert.equal(await registry.resolve('hello'), code);
  await pull.reached;
  assert.equal(registry.resolve('hello'), code, 'nobody waits twice');
  pull.go();
  await pulled;
  await setImmediate();
  assert.equal((await registry.resolve('hello')).digest, hex(next));
  assert.deepEqual(own.images.underWay(), []);
});

test('the same image under a moved index is the same code, of which only the stamp is new', async (t) => {
  const { server, registry } = await start(t);
  const image = makeImage();
  server.put('team/hello', 'latest', image);
  const code = await registry.resolve('hello');
  const index = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      manifests: [{ mediaType: JSON.parse(image.manifest.toString()).mediaType, digest: image.digest, size: 1 }],
    }),
  );
  server.put('team/hello', 'latest', { manifest: index, blobs: new Map() });
  const now = await registry.resolve('hello');
  assert.deepEqual([now.digest, now.stamp], [code.digest, sha256(index)]);
});

test('a registry that is down takes nothing away; that is said, and waited for once', async (t) => {
  const { server, registry, warnings } = await start(t);
  server.put('team/hello', 'latest', makeImage());
  const code = await registry.resolve('hello');
  await server.close();
  assert.equal(await registry.resolve('hello'), code);
  for (let looks = 0; looks < 3; looks++) {
    assert.equal(registry.resolve('hello'), code);
    await setImmediate();
  }
  assert.deepEqual(warnings, ['look for a newer image of the lambda hello, ignoring: the one that is here goes on']);
});

test('a registry that says nothing is waited for only so long', async (t) => {
  const { server, registry } = await start(t, { patienceMs: 50 });
  server.put('team/hello', 'latest', makeImage());
  const code = await registry.resolve('hello');
  server.instead = () => true;
  assert.equal(await registry.resolve('hello'), code);
});

test('after a restart, too, what is here goes on without its registry', async (t) => {
  const first = await start(t);
  first.server.put('team/hello', 'latest', makeImage());
  const code = await first.registry.resolve('hello');
  const second = await first.again();
  await first.server.close();
  assert.equal((await second.registry.resolve('hello')).digest, code.digest);
  await assert.rejects(async () => second.registry.resolve('other'), { code: 'registry-unavailable' });
});

test('an image that cannot be run takes nothing away, either, and is not pulled again and again', async (t) => {
  const { server, registry, warnings } = await start(t);
  server.put('team/hello', 'latest', makeImage());
  const code = await registry.resolve('hello');
  server.put('team/hello', 'latest', makeImage({ layers: [[{ name: '../x', content: '' }]] }));
  assert.equal(await registry.resolve('hello'), code);
  const blobs = () => server.questions.filter((question) => question.includes('blobs')).length;
  const before = blobs();
  assert.equal(await registry.resolve('hello'), code);
  assert.deepEqual([blobs(), warnings.length], [before, 1]);
});

test('a new lambda that cannot be run is told as that', async (t) => {
  const { server, registry } = await start(t);
  server.put('team/hello', 'latest', makeImage({ config: { os: 'plan9' } }));
  for (let times = 0; times < 2; times++)
    await assert.rejects(async () => registry.resolve('hello'), { code: 'code-invalid', message: /the image is for plan9/ });
  assert.equal(server.questions.filter((question) => question.startsWith('GET')).length, 2);
});

test('a lambda whose image is deleted is gone, and may come again', async (t) => {
  const { server, registry } = await start(t);
  const image = makeImage();
  server.put('team/hello', 'latest', image);
  const code = await registry.resolve('hello');
  registry.retain(code);
  server.manifests.delete('team/hello:latest');
  await assert.rejects(async () => registry.resolve('hello'), { code: 'lambda-unknown' });
  assert.equal(registry.has('hello'), false);
  registry.release(code);
  server.put('team/hello', 'latest', image);
  assert.equal((await registry.resolve('hello')).digest, code.digest);
});

test('with endless patience the newest image is waited for, and what is wrong is an error', async (t) => {
  const { server, registry } = await start(t, { patienceMs: Number.POSITIVE_INFINITY });
  server.put('team/hello', 'latest', makeImage());
  await registry.resolve('hello');
  const next = makeImage();
  server.put('team/hello', 'latest', next);
  assert.equal((await registry.resolve('hello')).digest, hex(next));
  await server.close();
  await assert.rejects(async () => registry.resolve('hello'), { code: 'registry-unavailable' });
});

test('closing cuts what is under way', async (t) => {
  const { server, registry } = await start(t);
  const image = makeImage();
  server.put('team/hello', 'latest', image);
  const pull = held(server, image);
  const told = assert.rejects(async () => registry.resolve('hello'), { code: 'registry-unavailable' });
  await pull.reached;
  await registry.close();
  await told;
});

test('a registry that is none is told', (t) => {
  const { images } = imagesRig(t);
  for (const url of ['oci://', 'oci://h.io/UPPER', 'oci://user@h.io/x', 'oci://h.io/a:b', 'oci://h_/x', 'https://h.io/'])
    assert.throws(
      () => new OciRegistry({ url, images, warn: () => {} }),
      /^Error: read the registry ".*": expected oci:\/\/host\[:port\]\/prefix/,
    );
  new OciRegistry({ url: 'oci://h.io', images, warn: () => {} });
});
