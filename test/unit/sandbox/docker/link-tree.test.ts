import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, readlinkSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { linkTree } from '../../../../src/sandbox/docker/link-tree.ts';

test('a tree is the same files at another place, with its directories and links', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'link-'));
  t.after(() => rmSync(dir, { recursive: true }));
  const [from, to] = [join(dir, 'from'), join(dir, 'to')];
  mkdirSync(join(from, 'package/inner'), { recursive: true });
  mkdirSync(to);
  writeFileSync(join(from, 'f.py'), 'x');
  writeFileSync(join(from, 'package/inner/data'), 'y', { mode: 0o755 });
  symlinkSync('../f.py', join(from, 'package/link'));
  symlinkSync('nowhere', join(from, 'dangling'));
  await linkTree(from, to);
  assert.equal(readFileSync(join(to, 'package/link'), 'utf8'), 'x');
  assert.equal(readlinkSync(join(to, 'dangling')), 'nowhere');
  for (const file of ['f.py', 'package/inner/data']) assert.equal(statSync(join(to, file)).ino, statSync(join(from, file)).ino, file);
});
