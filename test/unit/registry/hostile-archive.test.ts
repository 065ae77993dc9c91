// Archives that must be refused: each with a reason that names the member, and nothing left behind.
import assert from 'node:assert/strict';
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { WorkerError } from '../../../src/errors.ts';
import type { PackageLimits } from '../../../src/registry/limits.ts';
import { handler, pax, slow, tar, tarGz } from './archives.ts';
import { rig } from './rig.ts';

interface Case {
  readonly what: string;
  readonly archive: Uint8Array;
  readonly detail: RegExp;
  readonly limits?: Partial<PackageLimits>;
}

const good = tarGz(handler);
const zeros = Buffer.alloc(1 << 20);

const cases: readonly Case[] = [
  { what: 'climbs out by ".."', archive: tarGz(handler, { name: '../evil', content: 'x' }), detail: /"\.\.\/evil" has "\.\." in its name/ },
  { what: 'has ".." in the middle', archive: tarGz(handler, { name: 'a/../../evil', content: 'x' }), detail: /has "\.\."/ },
  { what: 'is ".."', archive: tarGz(handler, { name: '..', type: '5' }), detail: /has "\.\."/ },
  { what: 'is absolute', archive: tarGz(handler, { name: '/tmp/evil', content: 'x' }), detail: /"\/tmp\/evil" has an absolute name/ },
  { what: 'has backslashes', archive: tarGz(handler, { name: '..\\evil', content: 'x' }), detail: /backslash/ },
  { what: 'has a NUL in its PAX name', archive: tarGz(handler, pax({ path: 'a\0b' }), { name: 'a' }), detail: /NUL/ },
  { what: 'is named outside by PAX', archive: tarGz(handler, pax({ path: '../evil' }), { name: 'a' }), detail: /has "\.\."/ },
  {
    what: 'is named outside by a GNU long name',
    archive: tarGz(handler, { name: 'L', type: 'L', content: '../evil\0' }, { name: 'a' }),
    detail: /has "\.\."/,
  },
  {
    what: 'is named outside by the ustar prefix',
    archive: tarGz(handler, { name: 'evil', prefix: '..' }),
    detail: /"\.\.\/evil" has "\.\."/,
  },
  { what: 'has a name that is not UTF-8', archive: tarGz(handler, { name: Buffer.from('caf\xe9', 'latin1') }), detail: /not UTF-8/ },
  { what: 'is the root as a file', archive: tarGz(handler, { name: '.', content: 'x' }), detail: /root is a directory/ },

  {
    what: 'links to an absolute path',
    archive: tarGz(handler, { name: 'l', type: '2', linkname: '/etc/passwd' }),
    detail: /"l" is a link to an absolute path/,
  },
  {
    what: 'links out',
    archive: tarGz(handler, { name: 'a/l', type: '2', linkname: '../../x' }),
    detail: /"a\/l" is a link that leads out/,
  },
  { what: 'links to above the root', archive: tarGz(handler, { name: 'l', type: '2', linkname: '..' }), detail: /leads out/ },
  {
    what: 'links out through another link',
    archive: tarGz(handler, { name: 'd/e/up', type: '2', linkname: '../..' }, { name: 'l', type: '2', linkname: 'd/e/up/../x' }),
    detail: /"l" is a link with "\.\." behind a name/,
  },
  { what: 'links to nothing', archive: tarGz(handler, { name: 'l', type: '2', linkname: '' }), detail: /without a usable target/ },
  {
    what: 'writes through a link',
    archive: tarGz(handler, { name: 'd/x' }, { name: 'l', type: '2', linkname: 'd' }, { name: 'l/evil' }),
    detail: /"l\/evil" goes through "l", which is a symbolic link/,
  },
  { what: 'writes through a file', archive: tarGz(handler, { name: 'f.py/evil' }), detail: /goes through "f\.py", which is a file/ },
  {
    what: 'writes over a link',
    archive: tarGz(handler, { name: 'l', type: '2', linkname: 'd' }, { name: 'l', content: 'x' }),
    detail: /an earlier member of this name is a symbolic link/,
  },
  {
    what: 'makes a directory of a link',
    archive: tarGz(handler, { name: 'l', type: '2', linkname: 'd' }, { name: 'l', type: '5' }),
    detail: /an earlier member of this name is a symbolic link/,
  },
  {
    what: 'makes a link of a directory',
    archive: tarGz(handler, { name: 'd', type: '5' }, { name: 'd', type: '2', linkname: 'x' }),
    detail: /an earlier member of this name is a directory/,
  },
  {
    what: 'makes a file of a directory',
    archive: tarGz(handler, { name: 'd/x' }, { name: 'd' }),
    detail: /an earlier member of this name is a directory/,
  },
  {
    what: 'hard-links an absolute path',
    archive: tarGz(handler, { name: 'h', type: '1', linkname: '/etc/passwd' }),
    detail: /"h" is a hard link to "\/etc\/passwd"/,
  },
  {
    what: 'hard-links outside',
    archive: tarGz(handler, { name: 'h', type: '1', linkname: '../x' }),
    detail: /"h" is a hard link to "\.\.\/x"/,
  },
  {
    what: 'hard-links a link',
    archive: tarGz(handler, { name: 'l', type: '2', linkname: 'f.py' }, { name: 'h', type: '1', linkname: 'l' }),
    detail: /"h" is a hard link to something/,
  },
  {
    what: 'hard-links what is not there',
    archive: tarGz(handler, { name: 'h', type: '1', linkname: 'later' }, { name: 'later' }),
    detail: /"h" is a hard link to something/,
  },
  {
    what: 'hard-links itself',
    archive: tarGz(handler, { name: 'f.py', type: '1', linkname: 'f.py' }),
    detail: /"f\.py" is a hard link to something/,
  },
  {
    what: 'hard-links with data',
    archive: tarGz(handler, { name: 'h', type: '1', linkname: 'f.py', content: 'x' }),
    detail: /is a link with data/,
  },

  ...(['3', '4', '6', '7', 'A', 'D', 'M', 'V', 'S', '\x01'] as const).map((type) => ({
    what: `has the type ${JSON.stringify(type)}`,
    archive: tarGz(handler, { name: 'dev', type }),
    detail: /"dev" is (neither file, directory nor link|sparse or of an unknown type)/,
  })),
  {
    what: 'is sparse by PAX',
    archive: tarGz(handler, pax({ 'GNU.sparse.major': '1' }), { name: 's', content: 'x' }),
    detail: /"s" is a sparse file/,
  },
  {
    what: 'is sparse by GNU',
    archive: tarGz(handler, { name: 's', type: 'S', content: 'x', magic: 'gnu' }),
    detail: /"s" is a special file with data/,
  },
  {
    what: 'is a directory with data',
    archive: tarGz(handler, { name: 'd', type: '5', content: 'x'.repeat(600) }),
    detail: /"d" is a directory with data/,
  },
  {
    what: 'is a directory that claims data',
    archive: gzipSync(tar([handler, { name: 'd', type: '5', size: 1 << 20 }], false)),
    detail: /"d" is a directory with data/,
  },
  {
    what: 'is an old directory with data',
    archive: tarGz(handler, { name: 'd/', content: 'x' }),
    detail: /"d\/" is a directory with data/,
  },
  {
    what: 'is a link with data',
    archive: tarGz(handler, { name: 'l', type: '2', linkname: 'f.py', content: 'x' }),
    detail: /is a symlink with data/,
  },
  { what: 'is a fifo with data', archive: tarGz(handler, { name: 'p', type: '6', content: 'x' }), detail: /is a fifo with data/ },
  { what: 'has a PAX size below zero', archive: tarGz(handler, pax({ size: '-1' }), { name: 'a' }), detail: /no intact tar archive/ },
  { what: 'has a PAX size without sense', archive: tarGz(handler, pax({ size: 'x' }), { name: 'a' }), detail: /no intact tar archive/ },
  {
    what: 'claims to be huge',
    archive: tarGz(handler, pax({ size: '9007199254740991' }), { name: 'a' }),
    detail: /"a" has more than \d+ bytes/,
  },
  {
    what: 'has a PAX header of 5 MB',
    archive: tarGz(handler, { name: 'x', type: 'x', content: Buffer.alloc(5 << 20, 'a') }),
    detail: /no intact tar archive/,
  },

  { what: 'is empty', archive: new Uint8Array(), detail: /no intact gzip archive|no file at its root/ },
  { what: 'is text', archive: Buffer.from('def f(event): return 1\n'), detail: /no intact gzip archive/ },
  { what: 'is a tar without gzip', archive: tar([handler]), detail: /no intact gzip archive/ },
  { what: 'is gzip of something else', archive: gzipSync('x'.repeat(2000)), detail: /no intact tar archive/ },
  { what: 'is gzip of something short', archive: gzipSync('x'), detail: /no intact tar archive/ },
  { what: 'is cut in its gzip data', archive: good.subarray(0, good.length - 12), detail: /no intact gzip archive/ },
  { what: 'has a wrong checksum', archive: Buffer.concat([good.subarray(0, -8), Buffer.alloc(8)]), detail: /no intact gzip archive/ },
  { what: 'is cut in its tar data', archive: gzipSync(tar([handler]).subarray(0, 520)), detail: /no intact tar archive/ },
  { what: 'is cut in a tar header', archive: gzipSync(tar([handler]).subarray(0, 300)), detail: /no intact tar archive/ },
  { what: 'has a flipped bit in a header', archive: gzipSync(flipped(tar([handler]))), detail: /no intact tar archive/ },
  { what: 'is followed by garbage', archive: Buffer.concat([good, Buffer.from('garbage')]), detail: /no intact gzip|behind the end/ },
  {
    what: 'is followed by much garbage',
    archive: Buffer.concat([good, Buffer.alloc(1 << 20, 'garbage')]),
    detail: /no intact gzip|behind the end/,
  },
  { what: 'is followed by zeros', archive: Buffer.concat([good, Buffer.alloc(600)]), detail: /behind the end/ },
  { what: 'is followed by many zeros', archive: Buffer.concat([good, Buffer.alloc(1 << 20)]), detail: /behind the end/ },
  {
    what: 'has garbage behind its last member',
    archive: gzipSync(Buffer.concat([tar([handler]), Buffer.alloc(512, 'x')])),
    detail: /no intact tar archive/,
  },

  { what: 'has no members', archive: tarGz(), detail: /it has no file at its root$/ },
  { what: 'has files in folders only', archive: tarGz({ name: 'a/g.py' }), detail: /it has no file at its root$/ },
  {
    what: 'has its members in a folder',
    archive: tarGz({ name: 'echo/f.py' }),
    detail: /no file at its root \(there is "echo\/f\.py"/,
  },
  { what: 'has a directory as entry file', archive: tarGz({ name: 'f.py', type: '5' }), detail: /it has no file at its root/ },
  {
    what: 'has an entry file that links to itself',
    archive: tarGz({ name: 'f.py', type: '2', linkname: 'f.py' }),
    detail: /it has no file at its root/,
  },

  {
    what: 'is a bomb by ratio',
    archive: tarGz(handler, { name: 'z', content: zeros }),
    detail: /more than 50 times its size/,
    limits: { ratio: 50, ratioFreeBytes: 1 << 16 },
  },
  {
    what: 'is a bomb by bytes',
    archive: tarGz(handler, { name: 'z', content: zeros }),
    detail: /more than 500000 bytes/,
    limits: { bytes: 500_000 },
  },
  {
    what: 'is a bomb by many members',
    archive: tarGz(handler, ...Array.from({ length: 11 }, (_, n) => ({ name: `${n}`, content: zeros.subarray(0, 50_000) }))),
    detail: /more than 500000 bytes/,
    limits: { bytes: 500_000 },
  },
  {
    what: 'is a bomb by headers',
    archive: tarGz(handler, ...Array.from({ length: 100 }, () => ({ name: 'L', type: 'L', content: 'x'.repeat(9000) }))),
    detail: /more than 500000 bytes/,
    limits: { bytes: 500_000 },
  },
  {
    what: 'has too many members',
    archive: tarGz(handler, ...Array.from({ length: 10 }, (_, n) => ({ name: `${n}` }))),
    detail: /more than 10 entries/,
    limits: { entries: 10 },
  },
  {
    what: 'implies too many directories',
    archive: tarGz(handler, { name: 'a/b/c/d/e/f/g/h/i/j' }),
    detail: /more than 10 entries/,
    limits: { entries: 10 },
  },
  { what: 'is too deep', archive: tarGz(handler, { name: 'a/b/c/d/e' }), detail: /more than 4 directories deep/, limits: { depth: 4 } },
  {
    what: 'has too long a path',
    archive: tarGz(handler, { name: 'abcdefgh/abcdefgh' }),
    detail: /path of more than 16 bytes/,
    limits: { pathBytes: 16 },
  },
  {
    what: 'has too long a component',
    archive: tarGz(handler, pax({ path: 'é'.repeat(128) }), { name: 'a' }),
    detail: /component of more than 255 bytes/,
  },
  { what: 'costs time without having bytes', archive: slow(), detail: /takes more than 500 ms/, limits: { ms: 500 } },
];

describe('an archive is refused when it', () => {
  for (const { what, archive, detail, limits } of cases) {
    test(what, async (t) => {
      const { dir, base, registry, store } = rig(t, limits);
      writeFileSync(join(dir, 'evil.tar.gz'), archive);
      await assert.rejects(
        async () => registry.resolve('evil'),
        (error) => {
          assert(error instanceof WorkerError);
          assert.equal(error.code, 'code-invalid');
          assert.match(error.detail ?? '', detail);
          assert(!error.message.includes(base), 'a host path in the message');
          return true;
        },
      );
      await store.settled();
      assert.deepEqual(readdirSync(store.dir), ['names']);
      assert.deepEqual(readdirSync(base).sort(), ['registry', 'store']);
      assert(!existsSync('/tmp/evil'));
    });
  }
});

function flipped(bytes: Buffer): Buffer {
  bytes.writeUInt8(bytes.readUInt8(110) ^ 1, 110);
  return bytes;
}
