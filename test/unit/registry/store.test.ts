import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { DirectoryRegistry } from '../../../src/registry/registry.ts';
import { Store } from '../../../src/registry/store.ts';
import { UnpackPool } from '../../../src/registry/unpack-pool.ts';
import { handler, tarGz } from './archives.ts';
import { rig, scratch, stored, write } from './rig.ts';

const a = 'a'.repeat(64);
const b = 'b'.repeat(64);

function storeIn(t: TestContext, dir: string): Store {
  const pool = new UnpackPool({ threads: 1 });
  const store = new Store({ dir, pool });
  t.after(async () => {
    await store.close();
    await pool.close();
  });
  return store;
}

function put(store: Store, digest: string, content: string = digest): void {
  const temporary = store.temporary();
  writeFileSync(join(temporary, 'f.py'), content);
  store.publish(temporary, digest);
}

test('a directory goes when no name points at it and nobody retains it, and not before both', async (t) => {
  const store = storeIn(t, scratch(t));
  put(store, a);
  store.bind('x', a);
  store.bind('y', a);
  store.retain(a);
  store.retain(a);
  put(store, b);
  store.bind('x', b);
  store.release(a);
  store.unbind('y');
  await store.settled();
  assert(existsSync(store.path(a)), 'retained once');
  store.release(a);
  await store.settled();
  assert(!existsSync(store.path(a)) && !store.has(a));
  assert(existsSync(store.path(b)), 'has a name');
  store.retain(b);
  store.release(b);
  await store.settled();
  assert(existsSync(store.path(b)), 'still has a name');
  assert.deepEqual(stored(store), [b]);
});

test('whoever retains in the turn in which the code was superseded is in time', async (t) => {
  const store = storeIn(t, scratch(t));
  put(store, a);
  put(store, b);
  store.bind('x', a);
  store.bind('x', b);
  await Promise.resolve();
  store.retain(a);
  await store.settled();
  assert(existsSync(store.path(a)));
});

test('holding what is not there, or releasing too often, is an error', (t) => {
  const store = storeIn(t, scratch(t));
  assert.throws(() => store.retain(a), /not in the store/);
  assert.throws(() => store.bind('x', a), /not in the store/);
  assert.throws(() => store.release(a), /not in the store/);
  put(store, a);
  store.bind('x', a);
  assert.throws(() => store.release(a), /not retained/);
  store.unbind('never');
});

test('what is there already is kept when it is published again', async (t) => {
  const store = storeIn(t, scratch(t));
  put(store, a);
  store.bind('x', a);
  const before = statSync(store.path(a), { bigint: true });
  put(store, a, 'other');
  await store.settled();
  assert.equal(statSync(store.path(a), { bigint: true }).ino, before.ino);
  assert.deepEqual(stored(store), [a]);
});

test('the same .py under two names, and once more later, is one directory, written once', async (t) => {
  const { dir, registry, store } = rig(t);
  const temporary = t.mock.method(store, 'temporary');
  write(dir, { 'x.py': 'same', 'y.py': 'same' });
  const x = await registry.resolve('x');
  const y = await registry.resolve('y');
  assert.equal(x.dir, y.dir);
  write(dir, { 'x.py': 'other' });
  await registry.resolve('x', x);
  await store.settled();
  assert(existsSync(y.dir), 'the other name still has it');
  write(dir, { 'x.py': 'same' });
  assert.equal((await registry.resolve('x')).dir, y.dir);
  assert.equal(temporary.mock.callCount(), 2);
});

test('the same content in two forms is two packages', async (t) => {
  const { dir, registry, store } = rig(t);
  const archive = tarGz(handler);
  write(dir, { 'x.py': archive, 'y.tar.gz': archive, 'z/f.py': archive });
  const all = [await registry.resolve('x'), await registry.resolve('y'), await registry.resolve('z')];
  assert.equal(new Set(all.map((code) => code.digest)).size, 3);
  assert.equal(stored(store).length, 3);
});

test('a start removes what is unfinished, what no name points at, and names that point nowhere, and keeps the rest', async (t) => {
  const dir = scratch(t);
  write(dir, { [`${a}/f.py`]: 'a', [`${b}/f.py`]: 'b', 'tmp-1/x/y': '', 'tmp-2': '', 'other/file': '' });
  mkdirSync(join(dir, 'names'));
  symlinkSync(`../${a}`, join(dir, 'names/x'));
  symlinkSync(`../${'c'.repeat(64)}`, join(dir, 'names/y'));
  const store = storeIn(t, dir);
  await store.settled();
  assert.deepEqual(readdirSync(dir).sort(), [a, 'names', 'other'].sort());
  assert.deepEqual(readdirSync(join(dir, 'names')), ['x']);
  assert.equal(store.bound('x'), a);
});

test('code of an earlier run is used again without being written again', async (t) => {
  const { dir, base, registry, store, pool } = rig(t);
  write(dir, { 'x.py': 'x', 'y/f.py': 'y', 'z.tar.gz': tarGz(handler), 'gone.py': 'gone' });
  const names = ['x', 'y', 'z'];
  const first = await Promise.all(names.map((name) => registry.resolve(name)));
  const inodes = first.map((code) => statSync(join(code.dir, 'f.py')).ino);
  await store.close();

  const again = new Store({ dir: join(base, 'store'), pool });
  await again.settled();
  const second = await Promise.all(names.map((name) => new DirectoryRegistry({ dir, store: again, pool }).resolve(name)));
  assert.deepEqual(second, first);
  assert.deepEqual(
    second.map((code) => statSync(join(code.dir, 'f.py')).ino),
    inodes,
  );
});
