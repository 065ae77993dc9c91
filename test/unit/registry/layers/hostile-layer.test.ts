// Layers that must be refused: each with a reason that names the member, and nothing written anywhere else.
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { treeOf } from '../../../../src/registry/layers/layer-directory.ts';
import type { LayerLimits } from '../../../../src/registry/layers/layer-limits.ts';
import { pax, slow, tar } from '../archives.ts';
import { type Blob, layer, layerRig, sha256 } from './rig.ts';

interface Case {
  readonly what: string;
  readonly blob: Blob;
  readonly detail: RegExp;
  readonly limits?: Partial<LayerLimits>;
  readonly at?: 'refused' | 'exhausted';
}

const zeros = Buffer.alloc(1 << 20);
const bin = { name: 'bin/sh', content: 'x' };
const good = layer(bin);

function raw(bytes: Uint8Array, diffId: string = sha256(bytes)): Blob {
  return { bytes, diffId };
}

const cases: readonly Case[] = [
  { what: 'climbs out by ".."', blob: layer({ name: '../evil', content: 'x' }), detail: /"\.\.\/evil" has "\.\." in its name/ },
  { what: 'has ".." in the middle', blob: layer({ name: 'a/../../evil' }), detail: /has "\.\."/ },
  { what: 'is absolute', blob: layer({ name: '/tmp/evil', content: 'x' }), detail: /"\/tmp\/evil" has an absolute name/ },
  { what: 'has a NUL in its PAX name', blob: layer(pax({ path: 'a\0b' }), { name: 'a' }), detail: /NUL/ },
  { what: 'is named outside by PAX', blob: layer(pax({ path: '../evil' }), { name: 'a' }), detail: /has "\.\."/ },
  { what: 'is named outside by GNU', blob: layer({ name: 'L', type: 'L', content: '../evil\0' }, { name: 'a' }), detail: /has "\.\."/ },
  { what: 'has a name that is not UTF-8', blob: layer({ name: Buffer.from('caf\xe9', 'latin1') }), detail: /not UTF-8/ },
  { what: 'is the root as a file', blob: layer({ name: '.', content: 'x' }), detail: /root is a directory/ },
  { what: 'is the root as a link', blob: layer({ name: './', type: '2', linkname: '/etc' }), detail: /root is a directory/ },

  {
    what: 'writes through an absolute link',
    blob: layer({ name: 'l', type: '2', linkname: '/tmp' }, { name: 'l/evil', content: 'x' }),
    detail: /"l\/evil" goes through "l", which is a symbolic link/,
  },
  {
    what: 'makes a directory through a link',
    blob: layer({ name: 'l', type: '2', linkname: '../..' }, { name: 'l/evil', type: '5' }),
    detail: /goes through "l", which is a symbolic link/,
  },
  {
    what: 'links through a link',
    blob: layer({ name: 'l', type: '2', linkname: '/tmp' }, { name: 'l/evil', type: '2', linkname: 'x' }),
    detail: /goes through "l"/,
  },
  {
    what: 'writes to where a link is',
    blob: layer({ name: 'evil', type: '2', linkname: '/tmp/evil' }, { name: 'evil', content: 'x' }),
    detail: /an earlier member of this name is a symbolic link/,
  },
  {
    what: 'makes a directory of a link',
    blob: layer({ name: 'l', type: '2', linkname: '/tmp' }, { name: 'l', type: '5' }, { name: 'l/evil', content: 'x' }),
    detail: /"l" is a directory, but an earlier member of this name is a symbolic link/,
  },
  {
    what: 'puts a link in place of a directory',
    blob: layer({ name: 'd/x' }, { name: 'd', type: '2', linkname: '/tmp' }, { name: 'd/evil', content: 'x' }),
    detail: /"d" is a symbolic link, but an earlier member of this name is a directory/,
  },
  {
    what: 'puts a file in place of a directory',
    blob: layer({ name: 'd', type: '5' }, { name: 'd' }),
    detail: /earlier member .* is a directory/,
  },
  { what: 'writes through a file', blob: layer(bin, { name: 'bin/sh/x' }), detail: /goes through "bin\/sh", which is a file/ },
  { what: 'hides through a file', blob: layer(bin, { name: 'bin/sh/.wh.x' }), detail: /"bin\/sh" is a directory, but .* is a file/ },
  {
    what: 'hides through a link',
    blob: layer({ name: 'l', type: '2', linkname: '/' }, { name: 'l/.wh.x' }),
    detail: /"l" is a directory, but .* is a symbolic link/,
  },
  { what: 'hides ".."', blob: layer({ name: '.wh...' }), detail: /"\.wh\.\.\." is a whiteout of no name/ },
  { what: 'hides all below', blob: layer({ name: '.wh..wh..opq' }), detail: /hides all layers below it/ },
  { what: 'has a whiteout with content', blob: layer({ name: '.wh.a', content: 'x' }), detail: /is a whiteout, but no empty file/ },
  {
    what: 'has a whiteout that is a link',
    blob: layer({ name: '.wh.a', type: '2', linkname: 'x' }),
    detail: /is a whiteout, but no empty file/,
  },
  { what: 'has a whiteout that is a directory', blob: layer({ name: '.wh.a', type: '5' }), detail: /is a whiteout, but no empty file/ },

  {
    what: 'hard-links an absolute path',
    blob: layer({ name: 'h', type: '1', linkname: '/etc/passwd' }),
    detail: /"h" is a hard link to "\/etc\/passwd"/,
  },
  { what: 'hard-links outside', blob: layer({ name: 'h', type: '1', linkname: '../x' }), detail: /"h" is a hard link to "\.\.\/x"/ },
  { what: 'hard-links a lower layer', blob: layer({ name: 'h', type: '1', linkname: 'lower' }), detail: /"h" is a hard link to something/ },
  {
    what: 'hard-links through a link',
    blob: layer({ name: 'l', type: '2', linkname: '/etc' }, { name: 'h', type: '1', linkname: 'l/passwd' }),
    detail: /"h" is a hard link to something/,
  },
  {
    what: 'hard-links a directory',
    blob: layer(bin, { name: 'h', type: '1', linkname: 'bin' }),
    detail: /"h" is a hard link to something/,
  },
  { what: 'hard-links the root', blob: layer({ name: 'h', type: '1', linkname: '.' }), detail: /"h" is a hard link to something/ },
  { what: 'hard-links itself', blob: layer(bin, { name: 'bin/sh', type: '1', linkname: 'bin/sh' }), detail: /is a hard link to something/ },
  {
    what: 'hard-links with data',
    blob: layer(bin, { name: 'h', type: '1', linkname: 'bin/sh', content: 'x' }),
    detail: /a link with data/,
  },
  { what: 'links to nothing', blob: layer({ name: 'l', type: '2', linkname: '' }), detail: /without a usable target/ },
  {
    what: 'links too far',
    blob: layer(pax({ linkpath: 'x'.repeat(4096) }), { name: 'l', type: '2' }),
    detail: /path of more than 4095 bytes/,
  },

  ...(['3', '4', '6', '7', 'A', 'D', 'M', 'V', 'S', '\x01'] as const).map((type) => ({
    what: `has the type ${JSON.stringify(type)}`,
    blob: layer({ name: 'dev', type }),
    detail: /"dev" is (neither file, directory nor link|sparse or of an unknown type)/,
  })),
  { what: 'is sparse by PAX', blob: layer(pax({ 'GNU.sparse.major': '1' }), { name: 's', content: 'x' }), detail: /"s" is a sparse file/ },
  { what: 'is sparse by GNU', blob: layer({ name: 's', type: 'S', content: 'x', magic: 'gnu' }), detail: /special file with data/ },
  { what: 'is a directory with data', blob: layer({ name: 'd', type: '5', content: 'x'.repeat(600) }), detail: /directory with data/ },
  {
    what: 'is a directory that claims data',
    blob: raw(tar([{ name: 'd', type: '5', size: 1 << 20 }], false)),
    detail: /directory with data/,
  },
  { what: 'claims to be huge', blob: layer(pax({ size: '9007199254740991' }), { name: 'a' }), detail: /"a" has more than \d+ bytes/ },
  { what: 'belongs to minus one', blob: layer(pax({ uid: '4294967295' }), { name: 'a' }), detail: /"a" belongs to a user or group/ },
  { what: 'belongs to nobody', blob: layer(pax({ gid: 'x' }), { name: 'a' }), detail: /"a" belongs to a user or group/ },
  { what: 'belongs to half a group', blob: layer(pax({ gid: '0.5' }), { name: 'a' }), detail: /"a" belongs to a user or group/ },

  { what: 'is text', blob: raw(Buffer.from('#!/bin/sh\n')), detail: /no intact tar archive/ },
  { what: 'is cut in its gzip data', blob: raw(good.bytes.subarray(0, -12), good.diffId), detail: /no intact gzip archive/ },
  { what: 'is cut in its tar data', blob: raw(tar([bin]).subarray(0, 520)), detail: /no intact tar archive/ },
  { what: 'is followed by zeros', blob: raw(Buffer.concat([good.bytes, zeros]), good.diffId), detail: /behind the end/ },
  {
    what: 'is cut in its zstd data',
    blob: raw(Buffer.from('28b52ffd04', 'hex'), good.diffId),
    detail: /no intact zstd archive|the digest of its tar/,
  },
  {
    what: 'is no zstd data',
    blob: raw(Buffer.concat([Buffer.from('28b52ffd', 'hex'), Buffer.alloc(1000, 0xff)])),
    detail: /no intact zstd archive/,
  },
  {
    what: 'is not what the configuration says',
    blob: { ...good, diffId: sha256(Buffer.from('other')) },
    detail: /the digest of its tar is sha256:\w{64}, not/,
  },

  {
    what: 'is a bomb by ratio',
    blob: layer({ name: 'z', content: zeros }),
    detail: /more than 50 times/,
    limits: { ratio: 50, ratioFreeBytes: 65536 },
  },
  { what: 'is a bomb by bytes', blob: layer({ name: 'z', content: zeros }), detail: /more than 500000 bytes/, limits: { bytes: 500_000 } },
  {
    what: 'is a bomb by headers',
    blob: layer(...Array.from({ length: 100 }, () => ({ name: 'L', type: 'L', content: 'x'.repeat(9000) }))),
    detail: /more than 500000 bytes/,
    limits: { bytes: 500_000 },
  },
  {
    what: 'has too many members',
    blob: layer(...Array.from({ length: 11 }, (_, n) => ({ name: `${n}` }))),
    detail: /more than 10 entries/,
    limits: { entries: 10 },
  },
  { what: 'implies too many', blob: layer({ name: 'a/b/c/d/e/f/g/h/i/j/k' }), detail: /more than 10 entries/, limits: { entries: 10 } },
  {
    what: 'hides too much',
    blob: layer(...Array.from({ length: 11 }, (_, n) => ({ name: `.wh.${n}` }))),
    detail: /more than 10 entries/,
    limits: { entries: 10 },
  },
  { what: 'is too deep', blob: layer({ name: 'a/b/c/d/e' }), detail: /more than 4 directories deep/, limits: { depth: 4 } },
  { what: 'has too long a path', blob: layer({ name: 'abcdefgh/abcdefgh' }), detail: /more than 16 bytes/, limits: { pathBytes: 16 } },
  { what: 'has too long a name', blob: layer(pax({ path: 'é'.repeat(128) }), { name: 'a' }), detail: /more than 255 bytes/ },
  {
    what: 'costs time without having bytes',
    blob: raw(slow()),
    detail: /takes more than \d+ ms/,
    limits: { ms: 500, bytesPerMs: Number.MAX_SAFE_INTEGER },
    at: 'exhausted',
  },
];

describe('a layer is refused when it', () => {
  for (const { what, blob, detail, limits, at = 'refused' } of cases) {
    test(what, async (t) => {
      const { base, store, fill, unpack } = layerRig(t, limits);
      const outcome = await unpack(blob);
      assert.equal(outcome.at, at, JSON.stringify(outcome));
      assert.match(outcome.detail, detail);
      assert(!outcome.detail.includes(base), 'a host path in the reason');
      assert.deepEqual(readdirSync(base).sort(), ['blob-1', 'layer-1'], 'something beside the layer');
      for (const path of ['/tmp/evil', '/etc/evil', '/evil']) assert(!existsSync(path));

      const layers = store();
      await assert.rejects(layers.make(blob.diffId, fill(blob)), ({ message }: Error) => message.startsWith(at));
      await layers.settled();
      assert(!layers.has(blob.diffId));
      assert.deepEqual(readdirSync(join(base, 'layers')), [], 'something left in the store');
    });
  }
});

test('nothing is unpacked to where something is', async (t) => {
  const { base, unpack } = layerRig(t);
  mkdirSync(join(base, 'elsewhere'));
  symlinkSync(join(base, 'elsewhere'), treeOf(base));
  assert.equal((await unpack(good, { into: base })).at, 'failed');
  assert.deepEqual(readdirSync(join(base, 'elsewhere')), []);
});

test('a blob that is not there, or is a directory, is this node’s fault', async (t) => {
  const { base, unpack } = layerRig(t);
  for (const blob of [join(base, 'none'), base]) assert.equal((await unpack(good, { blob })).at, 'failed');
});
