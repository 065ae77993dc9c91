// What is seen of a registry's directory: the list, downloads, settings.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { type TestContext, test } from 'node:test';
import { inStore } from '../../../src/registry/registries.ts';
import { Shelf } from '../../../src/registry/shelf.ts';
import { handler, tarGz } from './archives.ts';
import { rig, stored, write } from './rig.ts';

function shelf(t: TestContext) {
  const own = rig(t);
  own.age();
  return { ...own, shelf: new Shelf({ dir: own.dir, registry: inStore(own.registry, own.store) }) };
}

const download = async (of: Shelf, name: string) => buffer((await of.download(name)).stream);

test('the list has each lambda once, by name, in the form that counts', async (t) => {
  const { dir, base, shelf: one } = shelf(t);
  write(dir, {
    'b.tar.gz': 'archive',
    'b.py': 'file',
    'b/f.py': '',
    'a.py': 'four',
    '.hidden.py': '',
    'no-suffix': '',
    '.upload~1': '',
    'bad name.py': '',
  });
  mkdirSync(join(dir, '.removed~1'));
  mkdirSync(join(dir, 'c.py'));
  symlinkSync(base, join(dir, 'd'));
  symlinkSync(join(base, 'nowhere'), join(dir, 'e.py'));
  utimesSync(join(dir, 'a.py'), 1, 1_600_000_000);
  const listed = await one.list();
  assert.deepEqual(
    listed.map(({ name, form, size }) => [name, form, size]),
    [
      ['.hidden', 'file', 0],
      ['a', 'file', 4],
      ['b', 'archive', 7],
      ['c.py', 'directory', undefined],
      ['d', 'directory', undefined],
    ],
  );
  assert.equal(listed[1]?.modified, '2020-09-13T12:26:40.000Z');
});

test('an archive is downloaded as it is', async (t) => {
  const { dir, shelf: one } = shelf(t);
  const archive = tarGz(handler, { name: 'more', content: 'x'.repeat(100_000) });
  write(dir, { 'x.tar.gz': archive });
  assert.equal((await one.download('x')).size, archive.length);
  assert.deepEqual(await download(one, 'x'), Buffer.from(archive));
});

test('a directory or a file is packed: what tar unpacks of it is the code, and its bytes are the same each time', async (t) => {
  const { dir, base, store, shelf: one } = shelf(t);
  write(dir, { 'x/f.py': 'f', 'x/b/run': '#!', 'x/ä b': '', [`x/${'long'.repeat(40)}`]: 'x'.repeat(1 << 20), 'y.py': 'y' });
  mkdirSync(join(dir, 'x/empty'));
  symlinkSync('../f.py', join(dir, 'x/b/link'));
  chmodSync(join(dir, 'x/b/run'), 0o700);
  const packed = await download(one, 'x');
  for (const name of readdirSync(join(dir, 'x'))) utimesSync(join(dir, 'x', name), 5, 5);
  assert.deepEqual(await download(one, 'x'), packed);
  mkdirSync(join(base, 'out'));
  writeFileSync(join(base, 'x.tar.gz'), packed);
  execFileSync('tar', ['-xzf', join(base, 'x.tar.gz'), '-C', join(base, 'out')]);
  assert.equal(execFileSync('diff', ['-r', '--no-dereference', join(dir, 'x'), join(base, 'out')]).length, 0);
  assert.deepEqual([statSync(join(base, 'out/b/run')).mode & 0o111, statSync(join(base, 'out/f.py')).mode & 0o111], [0o111, 0]);

  const first = createHash('sha256')
    .update(await download(one, 'y'))
    .digest('hex');
  assert.equal(
    createHash('sha256')
      .update(await download(one, 'y'))
      .digest('hex'),
    first,
  );
  assert.match(
    execFileSync('tar', ['-tzv'], { input: await download(one, 'y') }).toString(),
    /^-rw-r--r-- 0\/0 +1 1970-01-01 00:00 f\.py\n$/,
  );
  await store.settled();
  assert.equal(stored(store).length, 2);
});

test('a download that nobody reads to its end lets go of the code', async (t) => {
  const { dir, registry, store, shelf: one } = shelf(t);
  write(dir, { 'x/f.py': 'f', 'x/large': 'x'.repeat(4 << 20) });
  const { stream } = await one.download('x');
  const { digest } = await registry.resolve('x');
  store.unbind('x');
  await store.settled();
  assert.ok(store.has(digest), 'it is being read');
  await new Promise((resolve) => stream.once('close', resolve).destroy());
  await store.settled();
  assert.ok(!store.has(digest));
});

test('what is not there is told, whatever is asked of it', async (t) => {
  const { dir, base, store, registry, shelf: one } = shelf(t);
  for (const ask of [() => one.download('x'), () => one.settings('x')]) await assert.rejects(ask, { code: 'lambda-unknown' });
  for (const ask of [() => one.download('../x'), () => one.settings('..')]) await assert.rejects(ask, { code: 'lambda-name' });
  const gone = new Shelf({ dir: join(base, 'none'), registry: inStore(registry, store) });
  await assert.rejects(gone.list(), { code: 'registry-unavailable' });
  write(dir, { 'x/a/other.py': '' });
  await assert.rejects(one.download('x'), { code: 'code-invalid' });
});

test('settings are the text of ol.yaml, which may be no link, no directory, not large, and UTF-8', async (t) => {
  const { dir, shelf: one } = shelf(t);
  write(dir, {
    'a.py': '',
    'b/f.py': '',
    'b/ol.yaml': 'x: ä',
    'c/f.py': '',
    'c/ol.yaml/x': '',
    'd/f.py': '',
    'd/ol.yaml': Buffer.of(0xff),
  });
  write(dir, { 'e/f.py': '', 'e/ol.yaml': 'x'.repeat(70_000), 'f/f.py': '' });
  symlinkSync('f.py', join(dir, 'f/ol.yaml'));
  assert.deepEqual([await one.settings('a'), await one.settings('b')], ['', 'x: ä']);
  for (const [name, message] of [
    ['c', /no directory/],
    ['d', /UTF-8/],
    ['e', /at most 64 KiB of text, got 70000/],
    ['f', /no link/],
  ] as const)
    await assert.rejects(one.settings(name), { code: 'code-invalid', message });
  assert.equal(readFileSync(join(dir, 'b/ol.yaml'), 'utf8'), 'x: ä');
});
