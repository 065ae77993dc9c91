// Archives that look like the hostile ones and must be taken: the positive controls, through the same path.
import assert from 'node:assert/strict';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import type { PackageLimits } from '../../../src/registry/limits.ts';
import { handler, pax, tar, tarGz } from './archives.ts';
import { rig, stored } from './rig.ts';

const benign: readonly { readonly what: string; readonly archive: Uint8Array; readonly limits?: Partial<PackageLimits> }[] = [
  { what: 'has one file', archive: tarGz(handler) },
  { what: 'names its members from "./"', archive: tarGz({ name: './', type: '5' }, { ...handler, name: './f.py' }) },
  { what: 'has no end blocks', archive: gzipSync(tar([handler], false)) },
  { what: 'is two gzip members', archive: Buffer.concat([gzipSync(tar([handler], false)), gzipSync(tar([]))]) },
  {
    what: 'has links that stay inside',
    archive: tarGz(
      handler,
      { name: 'a/l', type: '2', linkname: '../f.py' },
      { name: 'd', type: '2', linkname: 'a/./' },
      { name: 'h', type: '1', linkname: 'f.py' },
    ),
  },
  { what: 'has a link that leads nowhere', archive: tarGz(handler, { name: 'l', type: '2', linkname: 'nothing' }) },
  { what: 'has an entry file that is a link', archive: tarGz({ name: 'main.py' }, { name: 'f.py', type: '2', linkname: 'main.py' }) },
  { what: 'has a member twice', archive: tarGz({ name: 'f.py', content: 'old' }, handler) },
  { what: 'is v7', archive: tarGz({ ...handler, type: '\0', magic: 'v7' }, { name: 'd/', type: '\0', magic: 'v7' }) },
  { what: 'is as git archive makes it', archive: tarGz(pax({ comment: '0123456789' }, 'g'), handler) },
  {
    what: 'is just within the limits',
    archive: tarGz(handler, { name: 'a/b/c', content: 'x'.repeat(512) }),
    limits: { entries: 4, depth: 3, pathBytes: 5, bytes: 4 * 1024 },
  },
];

describe('an archive is taken when it', () => {
  for (const { what, archive, limits } of benign) {
    test(what, async (t) => {
      const { dir, registry, store } = rig(t, limits);
      writeFileSync(join(dir, 'good.tar.gz'), archive);
      const code = await registry.resolve('good');
      assert.deepEqual(stored(store), [code.digest]);
      assert(existsSync(join(code.dir, 'f.py')));
    });
  }
});
