// Archives that nobody thought of: whatever the bytes are, reading them ends, with a package or with a refusal.
import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { ArchiveSource } from '../../../src/registry/archive-source.ts';
import { defaultLimits } from '../../../src/registry/limits.ts';
import { PackageWriter } from '../../../src/registry/package-writer.ts';
import { Refusal } from '../../../src/registry/refusal.ts';
import { handler, type Member, pax, tar, tarGz } from './archives.ts';
import { scratch } from './rig.ts';

/** Unpacks in this thread; the refusal, if it was refused. */
function reader(t: TestContext): (archive: Uint8Array) => Promise<Refusal | undefined> {
  const base = scratch(t);
  let round = 0;
  return async (archive) => {
    round += 1;
    const [file, dir] = [join(base, 'a.tar.gz'), join(base, `out-${round}`)];
    writeFileSync(file, archive);
    mkdirSync(dir);
    const source = new ArchiveSource(file, defaultLimits);
    const writer = new PackageWriter(dir, defaultLimits);
    try {
      assert.equal(await source.copy(writer), source.digest());
      return undefined;
    } catch (error) {
      assert(error instanceof Refusal, `not a refusal: ${error}`);
      return error;
    } finally {
      writer.close();
      assert.equal(readdirSync(base).length, round + 1);
    }
  };
}

test('an archive cut anywhere is refused', async (t) => {
  const read = reader(t);
  const archive = tarGz(handler, { name: 'a/b', content: 'x'.repeat(3000) });
  assert.equal(await read(archive), undefined);
  for (let length = 0; length < archive.length; length += 1)
    assert(await read(archive.subarray(0, length)), `${length} of ${archive.length} bytes`);
});

test('a tar stream cut anywhere but between members is refused', async (t) => {
  const read = reader(t);
  const whole = tar([handler, { name: 'a', content: 'x'.repeat(600) }], false);
  for (let length = 1; length < whole.length; length += 37) {
    if (length % 512 !== 0) assert(await read(gzipSync(whole.subarray(0, length))), `${length} of ${whole.length} bytes`);
  }
});

const plain = fc.record(
  {
    name: fc.constantFrom('f.py', 'a', 'a/b', 'a/b/', './a', '../a', '/a', '', '.', 'l/x'),
    type: fc.constantFrom('0', '\0', '1', '2', '3', '5', '6', '7', 'S', 'L', 'K', 'x', 'g', 'V'),
    content: fc.constantFrom('', 'x', '11 path=../x\n', '9 size=5\n', '-5 a=b\n', '99999 a=b\n', 'a\0b', 'y'.repeat(1500)),
    linkname: fc.constantFrom('', 'a', 'f.py', '../x', '/x', 'a/../../x'),
    size: fc.constantFrom(0, 1, 511, 512, 513, 100_000),
    magic: fc.constantFrom('ustar' as const, 'gnu' as const, 'v7' as const),
  },
  { requiredKeys: ['name'] },
);
const records = fc.dictionary(
  fc.constantFrom('path', 'linkpath', 'size', 'GNU.sparse.name', '__proto__'),
  fc.constantFrom('', 'a', '5', '-1', '1e9', '../x', 'a\0b'),
);
const member: fc.Arbitrary<Member> = fc.oneof({ weight: 4, arbitrary: plain }, { weight: 1, arbitrary: records.map((all) => pax(all)) });

test('reading random members ends, with a package or a refusal', async (t) => {
  const read = reader(t);
  await fc.assert(
    fc.asyncProperty(fc.array(member, { maxLength: 8 }), fc.boolean(), async (members, end) => {
      await read(gzipSync(tar(members, end), { level: 1 }));
    }),
    { numRuns: 500 },
  );
});

test('reading random bytes in the place of a header ends, with a refusal', async (t) => {
  const read = reader(t);
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ minLength: 1, maxLength: 2000 }), async (bytes) => {
      assert(await read(gzipSync(Buffer.concat([tar([handler], false), Buffer.from('x'), bytes]))));
    }),
    { numRuns: 100 },
  );
});
