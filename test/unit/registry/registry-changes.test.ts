// Code that changes, before and while it is read.
import assert from 'node:assert/strict';
import { appendFileSync, existsSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { DirectorySource } from '../../../src/registry/directory-source.ts';
import { FileSource } from '../../../src/registry/file-source.ts';
import type { PackageWriter } from '../../../src/registry/package-writer.ts';
import { Refusal } from '../../../src/registry/refusal.ts';
import type { Resolved } from '../../../src/registry/registry.ts';
import { handler, tarGz } from './archives.ts';
import { code, content, now } from './resolving.ts';
import { rig, stored, write } from './rig.ts';

test('an unchanged entry gives the very object that was known', async (t) => {
  const { dir, registry, age } = rig(t);
  write(dir, { 'a.py': 'a', 'b/f.py': 'b', 'c.tar.gz': tarGz(handler) });
  for (const name of ['a', 'b', 'c']) {
    const first = await registry.resolve(name);
    assert.equal(await registry.resolve(name, first), first, `${name} within the tick of its making`);
    age();
    assert.equal(await registry.resolve(name, first), first, name);
    assert.equal(now(registry.resolve(name, first)), first, name);
  }
});

test('an entry is read again as long as its stamp is younger than a tick of the clock, and not after that', (t) => {
  const { dir, registry, age } = rig(t);
  const digest = t.mock.method(FileSource.prototype, 'digest');
  write(dir, { 'x.py': 'one' });
  const first = now(registry.resolve('x'));
  assert.equal(now(registry.resolve('x', first)), first);
  assert.equal(now(registry.resolve('x', first)), first);
  assert.equal(digest.mock.callCount(), 3);
  age();
  for (let n = 0; n < 3; n += 1) assert.equal(now(registry.resolve('x', first)), first);
  assert.equal(digest.mock.callCount(), 4);
});

test('new code of the same size and in the same tick is noticed', (t) => {
  const { dir, registry } = rig(t);
  let known: Resolved | undefined;
  for (let round = 0; round < 200; round += 1) {
    const text = String(1000 + round);
    writeFileSync(join(dir, 'x.py'), text);
    known = now(registry.resolve('x', known));
    assert.equal(content(known), text);
  }
});

test('new code takes over: in place, by a rename, and deep in a directory', async (t) => {
  const { dir, registry } = rig(t);
  write(dir, { 'x.py': 'one', 'y/f.py': 'y', 'y/a/b/c.py': 'one', 'z.tar.gz': tarGz(code('one')) });
  const x = now(registry.resolve('x'));
  const y = now(registry.resolve('y'));
  const z = await registry.resolve('z');
  appendFileSync(join(dir, 'x.py'), 'two');
  assert.equal(content(now(registry.resolve('x', x))), 'onetwo');
  write(dir, { 'y/a/b/c.py': 'two' });
  const newer = now(registry.resolve('y', y));
  assert.notEqual(newer.digest, y.digest);
  assert.equal(readFileSync(join(newer.dir, 'a/b/c.py'), 'utf8'), 'two');
  write(dir, { 'new.tar.gz': tarGz(code('two')) });
  renameSync(join(dir, 'new.tar.gz'), join(dir, 'z.tar.gz'));
  assert.equal(content(await registry.resolve('z', z)), 'two');
});

test('an entry that was only touched has a new stamp and the same digest', (t) => {
  const { dir, registry } = rig(t);
  write(dir, { 'x.py': 'one' });
  const first = now(registry.resolve('x'));
  write(dir, { 'new.py': 'one' });
  renameSync(join(dir, 'new.py'), join(dir, 'x.py'));
  const second = now(registry.resolve('x', first));
  assert.notEqual(second.stamp, first.stamp);
  assert.equal(second.digest, first.digest);
  assert(existsSync(second.dir));
});

test('code that came back is there again, also for one who still knows the first of it', async (t) => {
  const { dir, base, registry, store, age } = rig(t);
  write(base, { 'v1/f.py': 'one', 'v2/f.py': 'two' });
  age();
  const point = (to: string) => {
    symlinkSync(join(base, to), join(dir, 'new'));
    renameSync(join(dir, 'new'), join(dir, 'x'));
  };
  point('v1');
  const first = now(registry.resolve('x'));
  point('v2');
  const second = now(registry.resolve('x', first));
  await store.settled();
  assert(!existsSync(first.dir), 'superseded and not retained');
  point('v1');
  assert.equal(content(now(registry.resolve('x', first))), 'one');
  await store.settled();
  assert(!existsSync(second.dir));
});

test('a lambda whose entry is gone is unknown, and its code leaves the store', async (t) => {
  const { dir, registry, store } = rig(t);
  write(dir, { 'x.py': 'one' });
  const known = now(registry.resolve('x'));
  rmSync(join(dir, 'x.py'));
  assert.throws(() => registry.resolve('x', known), { code: 'lambda-unknown' });
  await store.settled();
  assert.deepEqual(stored(store), []);
});

test('a package that changes while it is copied is read again, as a whole', (t) => {
  const { dir, registry, store } = rig(t);
  write(dir, { 'x/f.py': 'old', 'x/z.py': 'old' });
  const { copy } = DirectorySource.prototype;
  const copies = t.mock.method(DirectorySource.prototype, 'copy', function (this: DirectorySource, writer: PackageWriter) {
    const digest = copy.call(this, writer);
    if (copies.mock.callCount() < 2) write(dir, { 'x/f.py': 'newer', 'x/z.py': 'newer' });
    return digest;
  });
  const resolved = now(registry.resolve('x'));
  assert.deepEqual([content(resolved), readFileSync(join(resolved.dir, 'z.py'), 'utf8')], ['newer', 'newer']);
  assert.equal(store.bound('x'), resolved.digest);
});

test('a package that changes while it is compared with what is stored is read again', (t) => {
  const { dir, registry } = rig(t);
  write(dir, { 'x.py': 'stored', 'y.py': 'stored' });
  now(registry.resolve('x'));
  const { digest } = FileSource.prototype;
  const changing = function (this: FileSource) {
    const before = digest.call(this);
    write(dir, { 'y.py': 'something else' });
    return before;
  };
  t.mock.method(FileSource.prototype, 'digest', changing, { times: 1 });
  assert.equal(content(now(registry.resolve('y'))), 'something else');
});

test('a package that is refused but was changing meanwhile is read again', (t) => {
  const { dir, registry } = rig(t);
  write(dir, { 'x.py': 'half' });
  const refusing = () => {
    write(dir, { 'x.py': 'the whole of it' });
    throw new Refusal('it is only half there');
  };
  t.mock.method(FileSource.prototype, 'digest', refusing, { times: 1 });
  assert.equal(content(now(registry.resolve('x'))), 'the whole of it');
});

test('a package that changes without end is an error that says what to do, and leaves nothing', async (t) => {
  const { dir, registry, store } = rig(t);
  let text = '';
  const { copy } = FileSource.prototype;
  t.mock.method(FileSource.prototype, 'copy', function (this: FileSource, writer: PackageWriter) {
    text += 'x';
    write(dir, { 'x.py': text });
    return copy.call(this, writer);
  });
  write(dir, { 'x.py': '' });
  assert.throws(() => registry.resolve('x'), { code: 'registry-unavailable', message: /replace it by a rename/ });
  await store.settled();
  assert.deepEqual(stored(store), []);
});
