// What becomes of the members of a layer that is as it should be.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { zstdDecoder } from '../../../../src/registry/zstd.ts';
import { pax, tar } from '../archives.ts';
import { layer, layerRig, sha256 } from './rig.ts';

test('modes lose setuid and setgid, and keep the rest; directories have theirs, too, and the root', async (t) => {
  const { unpack } = layerRig(t);
  const { at, tree } = await unpack(
    layer(
      { name: './', type: '5', mode: 0o2711, mtime: 1000 },
      { name: './tmp/', type: '5', mode: 0o1777, mtime: 2000 },
      { name: './tmp/su', content: 'x', mode: 0o6755, mtime: 3000 },
      { name: './closed', type: '5', mode: 0o000, mtime: 4000 },
      { name: './closed/secret', mode: 0o600, mtime: 5000 },
      { name: './implied/file', mode: 0o444 },
    ),
  );
  assert.equal(at, 'unpacked');
  const traits = (path: string) => {
    const { mode, mtimeMs } = lstatSync(join(tree, path));
    return [(mode & 0o7777).toString(8), mtimeMs / 1000];
  };
  assert.deepEqual(['', 'tmp', 'tmp/su', 'closed', 'closed/secret'].map(traits), [
    ['711', 1000],
    ['1777', 2000],
    ['755', 3000],
    ['0', 4000],
    ['600', 5000],
  ]);
  assert.deepEqual(
    ['implied', 'implied/file'].map((path) => traits(path)[0]),
    ['755', '444'],
  );
});

test('names of PAX and GNU, times of PAX, backslashes and control characters', async (t) => {
  const { unpack } = layerRig(t);
  const long = `${'d'.repeat(200)}/${'f'.repeat(200)}`;
  const { tree } = await unpack(
    layer(
      pax({ path: `pax/${long}`, mtime: '1700000000.25' }),
      { name: 'short' },
      { name: 'L', type: 'L', content: `gnu/${long}\0` },
      { name: 'short' },
      { name: 'system-x\\x2dy.slice' },
      { name: 'a\nb' },
      pax({ mtime: '-5' }),
      { name: 'old' },
    ),
  );
  assert.equal(lstatSync(join(tree, 'pax', long)).mtimeMs, 1_700_000_000_250);
  assert.equal(lstatSync(join(tree, 'old')).mtimeMs, 0);
  assert.deepEqual(readdirSync(tree).sort(), ['a\nb', 'gnu', 'old', 'pax', 'system-x\\x2dy.slice']);
  assert.equal(readdirSync(join(tree, 'gnu', 'd'.repeat(200)))[0], 'f'.repeat(200));
});

test('links point anywhere, and keep their time', async (t) => {
  const { unpack } = layerRig(t);
  const { tree } = await unpack(
    layer(
      { name: 'absolute', type: '2', linkname: '/etc/passwd', mtime: 7 },
      { name: 'd/up', type: '2', linkname: '../../../etc' },
      { name: 'circle', type: '2', linkname: 'circle' },
      { name: 'same', type: '1', linkname: 'circle' },
    ),
  );
  assert.deepEqual(
    ['absolute', 'd/up', 'circle', 'same'].map((path) => readlinkSync(join(tree, path))),
    ['/etc/passwd', '../../../etc', 'circle', 'circle'],
  );
  assert.equal(lstatSync(join(tree, 'absolute')).mtimeMs, 7000);
});

test('a hard link keeps what it is a link to when that is replaced; the last of two members of one name stays', async (t) => {
  const { unpack } = layerRig(t);
  const { tree } = await unpack(
    layer(
      { name: 'a', content: 'first' },
      { name: 'b', type: '1', linkname: './a' },
      { name: 'c', type: '1', linkname: 'b' },
      { name: 'a', content: 'second', mode: 0o755 },
      { name: 'd', type: '5', mode: 0o700 },
      { name: 'd', type: '5', mode: 0o750 },
    ),
  );
  assert.deepEqual(
    ['a', 'b', 'c'].map((path) => readFileSync(join(tree, path), 'utf8')),
    ['second', 'first', 'first'],
  );
  assert.equal(lstatSync(join(tree, 'b')).ino, lstatSync(join(tree, 'c')).ino);
  assert.equal(lstatSync(join(tree, 'b')).mode & 0o777, 0o644);
  assert.equal(lstatSync(join(tree, 'd')).mode & 0o777, 0o750);
});

test('extended attributes of the archive are dropped', async (t) => {
  const { unpack } = layerRig(t);
  const attributes = {
    'SCHILY.xattr.security.capability': 'x',
    'SCHILY.xattr.trusted.overlay.opaque': 'y',
    'SCHILY.xattr.user.overlay.redirect': '/',
  };
  const { at, tree } = await unpack(layer(pax(attributes), { name: 'd', type: '5' }, pax(attributes), { name: 'f' }));
  assert.equal(at, 'unpacked');
  const print = 'import os, sys; print([os.listxattr(path) for path in sys.argv[1:]])';
  assert.equal(execFileSync('python3', ['-c', print, join(tree, 'd'), join(tree, 'f')], { encoding: 'utf8' }).trim(), '[[], []]');
});

test('what is told of a layer is what is there', async (t) => {
  const { unpack } = layerRig(t);
  const outcome = await unpack(layer({ name: 'a/b/c', content: Buffer.alloc(100_000) }, { name: 'a/b/d', type: '1', linkname: 'a/b/c' }));
  assert.equal(outcome.at, 'unpacked');
  if (outcome.at === 'unpacked') assert.deepEqual([outcome.entries, outcome.bytes], [5, 100_000 + 5 * 4096]);
});

test('a layer without members is one', async (t) => {
  const { unpack } = layerRig(t);
  const { at, tree } = await unpack(layer());
  assert.equal(at, 'unpacked');
  assert.deepEqual(readdirSync(tree), []);
});

describe('a layer is read in its compression, whatever its type says:', () => {
  const plain = tar([
    { name: 'a', content: Buffer.alloc(500_000, 'a') },
    { name: 'b', content: Buffer.alloc(3_000_000, 'b') },
  ]);
  const zstd = (bytes: Uint8Array) => execFileSync('zstd', ['-c'], { input: bytes });
  const skippable = Buffer.from('502a4d180400000061626364', 'hex');
  for (const [what, pack] of [
    ['none', () => plain],
    ['gzip', () => gzipSync(plain)],
    ['gzip in two members', () => Buffer.concat([gzipSync(plain.subarray(0, 700_000)), gzipSync(plain.subarray(700_000))])],
    ['zstd', () => zstd(plain)],
    ['zstd in many frames', () => Buffer.concat([skippable, ...slices(plain, 10_000).map(zstd), skippable])],
  ] as const) {
    test(what, { skip: what.startsWith('zstd') && !hasZstd() && 'the program zstd is missing' }, async (t) => {
      const { unpack } = layerRig(t);
      const outcome = await unpack({ bytes: pack(), diffId: sha256(plain) });
      assert.equal(outcome.at, 'unpacked', JSON.stringify(outcome));
      assert.equal(lstatSync(join(outcome.tree, 'b')).size, 3_000_000);
    });
  }
});

test('zstd data comes out whole in chunks of any size, and a reader that goes away ends it', {
  skip: !hasZstd() && 'the program zstd is missing',
}, async () => {
  const plain = Buffer.from(Array.from({ length: 300_000 }, (_, n) => (n * n) % 251));
  const packed = Buffer.concat(slices(plain, 7_001).map((bytes) => execFileSync('zstd', ['-c'], { input: bytes })));
  for (const size of [1, 13, 4096, 1 << 20]) {
    const out: Buffer[] = [];
    for await (const chunk of zstdDecoder()(stream(slices(packed, size)))) out.push(chunk);
    assert(Buffer.concat(out).equals(plain), `chunks of ${size} bytes`);
  }
  let closed = false;
  const source = stream(slices(packed, 100), () => {
    closed = true;
  });
  for await (const chunk of zstdDecoder()(source)) {
    assert(chunk.length > 0);
    break;
  }
  assert(closed);
});

test('a layer can be cancelled', async (t) => {
  const { unpack } = layerRig(t);
  const many = Array.from({ length: 20_000 }, (_, n) => ({ name: `${n}` }));
  const cancelling = new AbortController();
  const unpacking = unpack(layer(...many), {}, cancelling.signal);
  cancelling.abort();
  assert.equal((await unpacking).at, 'failed');
});

function hasZstd(): boolean {
  try {
    execFileSync('zstd', ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

function slices(bytes: Buffer, size: number): Buffer[] {
  return Array.from({ length: Math.ceil(bytes.length / size) }, (_, n) => bytes.subarray(n * size, (n + 1) * size));
}

async function* stream(chunks: readonly Buffer[], onEnd: () => void = () => undefined): AsyncGenerator<Buffer> {
  try {
    yield* chunks;
  } finally {
    onEnd();
  }
}
