// Images in directories in OCI layout and in archives of `docker save`.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { gunzipSync, gzipSync } from 'node:zlib';
import { type Member, tar } from '../archives.ts';
import { scratch } from '../rig.ts';
import { bring, imagesRig } from './images-rig.ts';
import { json, type MadeImage, makeImage } from './made-image.ts';
import { makeLayout } from './made-layout.ts';

test('an image of a layout, by its tag', async (t) => {
  const rig = imagesRig(t);
  const [one, two] = [makeImage(), makeImage()];
  const dir = makeLayout(t, { one, two });
  const record = await bring(rig, `oci:${dir}:two`);
  assert.deepEqual([record.digest, record.name, record.reference], [two.digest, `oci:${dir}:two`, `oci:${dir}@${two.digest}`]);
  await assert.rejects(bring(rig, `oci:${dir}:three`), { at: 'unknown', message: /it names 0 of the 2 images there .*"one, two"/ });
  await assert.rejects(bring(rig, `oci:${dir}`), { at: 'unknown', message: /it names 2 of the 2 images there/ });
  assert.equal((await bring(rig, `oci:${makeLayout(t, { only: one })}`)).digest, one.digest);
});

test('a layout that is not whole, or not what it says, is told', async (t) => {
  const rig = imagesRig(t);
  const image = makeImage();
  const [blob] = image.layers as [Buffer];
  const file = (dir: string) => join(dir, 'blobs/sha256', [...image.blobs].find(([, bytes]) => bytes === blob)?.[0].slice(7) ?? '');
  const changed = makeLayout(t, { x: image });
  writeFileSync(file(changed), Buffer.alloc(blob.length));
  await assert.rejects(bring(rig, `oci:${changed}`), { at: 'unavailable', message: /what came has the digest/ });
  const short = makeLayout(t, { x: image });
  writeFileSync(file(short), blob.subarray(1));
  await assert.rejects(bring(rig, `oci:${short}`), { at: 'unavailable', message: /\d+ of its \d+ bytes came/ });
  await assert.rejects(bring(rig, 'oci:/no/such/directory'), {
    at: 'unavailable',
    message: /^read "\/no\/such\/directory\/index\.json": ENOENT/,
  });
  await assert.rejects(bring(rig, 'oci:'), { at: 'invalid', message: /a path comes after "oci:"/ });
  assert.deepEqual(rig.leftovers(), []);
});

/** As `docker save` writes it, the older way: layers are plain tars. */
function saved(image: MadeImage, tags: readonly string[], others: readonly Member[] = []): Buffer {
  const layers = image.layers.map((layer, at) => ({ name: `layer${at}/layer.tar`, content: gunzipSync(layer) }));
  const listed = [{ Config: 'config.json', RepoTags: tags, Layers: layers.map(({ name }) => name) }];
  return tar([...layers, { name: 'config.json', content: image.config }, ...others, { name: 'manifest.json', content: json(listed) }]);
}

function archive(t: TestContext, bytes: Buffer): string {
  const path = join(scratch(t), 'saved.tar');
  writeFileSync(path, bytes);
  return path;
}

test('an image of a docker save archive, gzipped or not, has the same digest each time', async (t) => {
  const rig = imagesRig(t);
  const image = makeImage({ config: { config: { Cmd: ['x'] } } });
  const bytes = saved(image, ['team/app:1.2']);
  const one = await bring(rig, `docker-archive:${archive(t, bytes)}`);
  const two = await bring(rig, `docker-archive:${archive(t, gzipSync(bytes))}:team/app:1.2`);
  assert.deepEqual([one.digest, one.diffIds, one.config.command], [two.digest, image.diffIds, ['x']]);
  assert.deepEqual(rig.leftovers(), []);
});

test('an archive with links for layers that it has already, and with gzipped layers', async (t) => {
  const rig = imagesRig(t);
  const image = makeImage({ layers: [[{ name: 'a', content: 'a' }]] });
  const listed = [{ Config: 'blobs/c', RepoTags: null, Layers: ['x/layer.tar'] }];
  const path = archive(
    t,
    tar([
      { name: 'x/', type: '5' },
      { name: 'x/layer.tar', type: '2', linkname: '../y/layer.tar' },
      { name: 'y/layer.tar', content: image.layers[0] as Buffer },
      { name: './blobs/c', content: image.config },
      { name: 'manifest.json', content: json(listed) },
    ]),
  );
  assert.deepEqual((await bring(rig, `docker-archive:${path}`)).diffIds, image.diffIds);
});

const bad: readonly (readonly [says: string, bytes: () => Buffer, at: string, why: RegExp])[] = [
  ['that is none', () => Buffer.from('nonsense'.repeat(1000)), 'invalid', /it is no intact archive of docker save/],
  ['that was cut', () => saved(makeImage(), ['a:1']).subarray(0, 2000), 'invalid', /it is no intact archive of docker save/],
  ['without a manifest', () => tar([{ name: 'x', content: 'x' }]), 'invalid', /it has no member "manifest\.json"/],
  [
    'without a layer that it names',
    () => tar([{ name: 'manifest.json', content: json([{ Config: 'c', Layers: ['/etc/passwd'] }]) }]),
    'invalid',
    /it has no member "c"/,
  ],
  [
    'with a directory that has data',
    () => saved(makeImage(), ['a:1'], [{ name: 'd', type: '5', content: 'x' }]),
    'invalid',
    /member "d" is directory and has data/,
  ],
  ['with other images', () => saved(makeImage(), ['a:1']), 'unknown', /it names 0 of the 1 images there .*"a:1"/],
];
for (const [says, bytes, at, why] of bad) {
  test(`an archive ${says} is refused, and nothing of it left`, async (t) => {
    const rig = imagesRig(t);
    await assert.rejects(bring(rig, `docker-archive:${archive(t, bytes())}${at === 'unknown' ? ':b:2' : ''}`), { at, message: why });
    assert.deepEqual(rig.leftovers(), []);
  });
}
