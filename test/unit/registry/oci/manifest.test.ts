import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseImageConfig } from '../../../../src/registry/oci/image-config.ts';
import { chosen, type Index, parseManifest } from '../../../../src/registry/oci/manifest.ts';
import { fitness, type Platform, platformOf, thisPlatform } from '../../../../src/registry/oci/platform.ts';
import { json, makeImage, makeIndex, sha256, types } from './made-image.ts';

const image = makeImage();
const parse = (value: unknown) => parseManifest('it', Buffer.isBuffer(value) ? value : json(value));
const fields = JSON.parse(image.manifest.toString());

test('an image’s manifest, of OCI and of Docker, has a configuration and layers', () => {
  for (const kind of ['oci', 'docker'] as const) {
    const manifest = parse(makeImage({ kind }).manifest);
    assert.deepEqual([manifest.at, manifest.at === 'image' && manifest.layers.length], ['image', 2]);
  }
  assert.equal(parse({ ...fields, mediaType: undefined }).at, 'image');
});

const refused: readonly (readonly [says: string, value: unknown, why: RegExp])[] = [
  ['no JSON', Buffer.from('<html>'), /it is no JSON$/],
  ['no object', [], /^read it: it: /],
  ['the first version', { schemaVersion: 1, fsLayers: [] }, /schemaVersion: expected 2/],
  ['a first version that says 2', { ...fields, fsLayers: [] }, /neither an image's manifest nor an index/],
  ['both an image and an index', { ...fields, manifests: [] }, /neither an image's manifest nor an index/],
  ['neither', { schemaVersion: 2 }, /neither an image's manifest nor an index/],
  ['an image that calls itself an index', { ...fields, mediaType: types.oci.index }, /neither an image's manifest nor an index/],
  ['an index that calls itself an image', { schemaVersion: 2, mediaType: types.oci.manifest, manifests: [] }, /neither/],
  [
    'another artifact',
    { ...fields, config: { ...fields.config, mediaType: 'application/vnd.cncf.helm.config.v1+json' } },
    /no container image/,
  ],
  ['a weak digest', { ...fields, config: { ...fields.config, digest: `md5:${'a'.repeat(32)}` } }, /config\.digest: expected sha256/],
  [
    'a digest that leaves its directory',
    { ...fields, config: { ...fields.config, digest: 'sha256:../../x' } },
    /config\.digest: expected sha256/,
  ],
  ['a negative size', { ...fields, config: { ...fields.config, size: -1 } }, /config\.size/],
  ['a size that is no number', { ...fields, config: { ...fields.config, size: '1' } }, /config\.size/],
  ['129 layers', { ...fields, layers: Array(129).fill(fields.layers[0]) }, /layers: expected at most 128 layers/],
  ['1001 manifests', { schemaVersion: 2, manifests: Array(1001).fill(fields.config) }, /^read it: manifests: /],
];
for (const [says, value, why] of refused) {
  test(`a manifest that is ${says} is refused`, () => {
    assert.throws(() => parse(value), { at: 'invalid', message: why });
  });
}

const amd64: Platform = { os: 'linux', architecture: 'amd64' };
const armV7: Platform = { os: 'linux', architecture: 'arm', variant: 'v7' };
const arm64: Platform = { os: 'linux', architecture: 'arm64', variant: 'v8' };
const choices: readonly (readonly [says: string, here: Platform, platforms: readonly (object | undefined)[], expected: number])[] = [
  ['the one of this platform', amd64, [{ os: 'windows', architecture: 'amd64' }, arm64, amd64], 2],
  ['the first of equals', amd64, [amd64, amd64], 0],
  [
    'no variant that this processor may lack',
    amd64,
    [
      { ...amd64, variant: 'v3' },
      { ...amd64, variant: 'v1' },
    ],
    1,
  ],
  ['the exact variant before the general one', armV7, [{ ...armV7, variant: undefined }, armV7], 1],
  [
    'the best older variant',
    armV7,
    [
      { ...armV7, variant: 'v5' },
      { ...armV7, variant: 'v6' },
      { ...armV7, variant: 'v8' },
    ],
    1,
  ],
  ['arm64 without a variant', arm64, [armV7, { os: 'linux', architecture: 'arm64' }], 1],
  ['the only one, if it has no platform', amd64, [undefined], 0],
  ['none that is an attestation', amd64, [amd64, { os: 'unknown', architecture: 'unknown' }], 0],
];
for (const [says, here, platforms, expected] of choices) {
  test(`of an index is chosen ${says}`, () => {
    const images = platforms.map((platform) => ({ image: makeImage(), ...(platform !== undefined && { platform }) }));
    assert.equal(chosen('it', parse(makeIndex(images)) as Index, here).digest, images[expected]?.image.digest);
  });
}

test('an index without an image for this platform is refused, and says for what it has some', () => {
  const index = parse(
    makeIndex([
      { image, platform: arm64 },
      { image, platform: { os: 'windows', architecture: 'amd64' } },
    ]),
  ) as Index;
  assert.throws(() => chosen('it', index, amd64), {
    at: 'invalid',
    message: 'read it: it has no image for linux/amd64, only for "linux/arm64/v8, windows/amd64"',
  });
});

test('Node’s names of processors are Go’s', () => {
  assert.deepEqual(
    ['x64', 'arm64', 'riscv64'].map((arch) => platformOf(arch).architecture),
    ['amd64', 'arm64', 'riscv64'],
  );
  assert.ok(fitness(thisPlatform) > 0);
});

test('a configuration says how to start, with what engines take for granted', () => {
  const config = {
    Env: ['A=1', 'B=', 'C', '=D'],
    Entrypoint: ['/app'],
    Cmd: null,
    WorkingDir: '/srv',
    User: '1000:1000',
    ExposedPorts: {},
  };
  const { config: bytes, diffIds } = makeImage({ config: { config } });
  assert.deepEqual(parseImageConfig('it', bytes, 2), {
    diffIds,
    config: { environment: ['A=1', 'B='], workingDir: '/srv', entrypoint: ['/app'], command: [], user: '1000:1000' },
  });
  const bare = parseImageConfig('it', json({ ...thisPlatform, rootfs: { type: 'layers', diff_ids: null } }), 0);
  assert.deepEqual(bare.config, { environment: [], workingDir: '', entrypoint: [], command: [], user: '' });
});

const configs: readonly (readonly [says: string, config: object, layers: number, why: RegExp])[] = [
  ['another platform', { os: 'plan9' }, 2, /the image is for plan9\/.*, this node is linux\//],
  ['other layers', {}, 3, /it names 2 layers, the manifest 3$/],
  ['a NUL', { config: { Cmd: ['a\0b'] } }, 2, /config\.Cmd\.0: expected a text without NUL/],
  ['a command that is no list', { config: { Cmd: 'sh' } }, 2, /config\.Cmd: /],
];
for (const [says, config, layers, why] of configs) {
  test(`a configuration with ${says} is refused`, () => {
    assert.throws(() => parseImageConfig('it', makeImage({ config }).config, layers), { at: 'invalid', message: why });
  });
}

test('digests are of the bytes', () => {
  assert.equal(sha256(Buffer.from('')), 'sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855');
});
