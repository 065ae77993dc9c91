import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { makeDirectory } from '../../../src/config/make-directory.ts';

test('a directory is made with those above it, or is there', (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'sock-directory-'));
  t.after(() => rmSync(dir, { recursive: true }));
  for (let i = 0; i < 2; i++) makeDirectory(join(dir, 'a/b/c'));
  assert.ok(statSync(join(dir, 'a/b/c')).isDirectory());
  symlinkSync(join(dir, 'a'), join(dir, 'link'));
  makeDirectory(join(dir, 'link'));
  writeFileSync(join(dir, 'file'), '');
  assert.throws(() => makeDirectory(join(dir, 'file')), /EEXIST/);
  assert.throws(() => makeDirectory(join(dir, 'file/below')), /ENOTDIR/);
});

// mkdirSync with `recursive` never returned (Node 20).
test('where nothing can be made it says so', () => {
  assert.throws(() => makeDirectory('/proc/x/y'), /^Error: make the directory "\/proc\/x": nothing can be made in "\/proc"/);
});
