import assert from 'node:assert/strict';
import { appendFileSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { ErrorCode } from '../../../src/errors.ts';
import { DirectorySource } from '../../../src/registry/directory-source.ts';
import { FileSource } from '../../../src/registry/file-source.ts';
import type { PackageWriter } from '../../../src/registry/package-writer.ts';
import { Refusal } from '../../../src/registry/refusal.ts';
import type { Resolved } from '../../../src/registry/registry.ts';
import { handler, slow, tarGz } from './archives.ts';
import { type Rig, rig, stored, write } from './rig.ts';

const code = (text: string) => ({ name: 'f.py', content: text });

function fails(registry: Rig['registry'], name: string, expected: ErrorCode): Promise<void> {
  return assert.rejects(async () => registry.resolve(name), { code: expected });
}

/** The result, which must be there at once. */
function now(resolved: Resolved | Promise<Resolved>): Resolved {
  assert(!(resolved instanceof Promise), 'took a turn of the event loop');
  return resolved;
}

const content = (resolved: Resolved) => readFileSync(join(resolved.dir, 'f.py'), 'utf8');

test('names that are no single harmless component are refused before the file system is asked', async (t) => {
  const { registry } = rig(t);
  for (const name of ['', '.', '..', '../x', 'a/b', '/etc', 'a\0', 'a b', 'ä', 'a\n', '%2e%2e', 'a\\b'])
    await fails(registry, name, 'lambda-name');
});

test('a name that is nowhere is unknown, whatever its length', async (t) => {
  const { dir, registry } = rig(t);
  for (const name of ['x', 'x'.repeat(255), 'x'.repeat(10_000), '...', '-', '__proto__', 'constructor'])
    await fails(registry, name, 'lambda-unknown');
  symlinkSync('loop', join(dir, 'loop'));
  symlinkSync('/nowhere/at/all', join(dir, 'dangling'));
  await fails(registry, 'loop', 'lambda-unknown');
  await fails(registry, 'dangling', 'lambda-unknown');
});

test('a registry directory that is missing is no unknown lambda', async (t) => {
  const { dir, registry } = rig(t);
  rmSync(dir, { recursive: true });
  await fails(registry, 'x', 'registry-unavailable');
  writeFileSync(dir, 'a file');
  await fails(registry, 'x', 'registry-unavailable');
});

test('a small .py and a small directory are there at once, as packages with f.py', (t) => {
  const { dir, registry } = rig(t);
  write(dir, { 'one.py': 'one', 'two/f.py': 'two', 'two/lib/a.py': 'a' });
  assert.equal(content(now(registry.resolve('one'))), 'one');
  const two = now(registry.resolve('two'));
  assert.equal(content(two), 'two');
  assert.equal(readFileSync(join(two.dir, 'lib/a.py'), 'utf8'), 'a');
});

test('with several entries of a name the archive is the lambda, then the .py, then the directory', async (t) => {
  const { dir, registry } = rig(t);
  write(dir, { 'x.tar.gz': tarGz(code('archive')), 'x.py': 'file', 'x/f.py': 'directory' });
  assert.equal(content(await registry.resolve('x')), 'archive');
  rmSync(join(dir, 'x.tar.gz'));
  assert.equal(content(await registry.resolve('x')), 'file');
  rmSync(join(dir, 'x.py'));
  const last = await registry.resolve('x');
  assert.equal(content(last), 'directory');
  write(dir, { 'x.tar.gz': tarGz(code('back')) });
  assert.equal(content(await registry.resolve('x', last)), 'back');
});

test('the lambda "echo.py" is not the file of the lambda "echo"', async (t) => {
  const { dir, registry } = rig(t);
  write(dir, { 'echo.py': 'echo', 'archive.tar.gz': tarGz(handler) });
  await fails(registry, 'echo.py', 'lambda-unknown');
  await fails(registry, 'archive.tar', 'lambda-unknown');
  await fails(registry, 'archive.tar.gz', 'lambda-unknown');
  write(dir, { 'echo.py.py': 'other', 'dir.py/f.py': 'directory' });
  assert.equal(content(await registry.resolve('echo.py')), 'other');
  assert.equal(content(await registry.resolve('dir.py')), 'directory');
  await fails(registry, 'dir', 'lambda-unknown');
});

test('an entry may itself be a link; another target is other code', (t) => {
  const { dir, base, registry } = rig(t);
  write(base, { 'v1/f.py': 'one', 'v2/f.py': 'two' });
  symlinkSync(join(base, 'v1'), join(dir, 'x'));
  const first = now(registry.resolve('x'));
  assert.equal(content(first), 'one');
  symlinkSync(join(base, 'v2'), join(dir, 'new'));
  renameSync(join(dir, 'new'), join(dir, 'x'));
  assert.equal(content(now(registry.resolve('x', first))), 'two');
});

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

test('concurrent resolves of an entry share one unpacking', async (t) => {
  const { dir, registry, pool, store } = rig(t);
  write(dir, { 'x.tar.gz': tarGz(handler) });
  const unpack = t.mock.method(pool, 'unpack');
  const all = await Promise.all(Array.from({ length: 50 }, () => registry.resolve('x')));
  assert.equal(new Set(all).size, 1);
  assert.equal(unpack.mock.callCount(), 1);
  assert.equal(stored(store).length, 1);
});

test('different lambdas unpack side by side', async (t) => {
  const { dir, registry, store } = rig(t);
  const names = Array.from({ length: 12 }, (_, n) => `x${n}`);
  for (const name of names) write(dir, { [`${name}.tar.gz`]: tarGz(code(name)) });
  const all = await Promise.all(names.map((name) => registry.resolve(name)));
  assert.deepEqual(all.map(content), names);
  assert.equal(stored(store).length, names.length);
});

test('a refused entry is not unpacked again until it changes', async (t) => {
  const { dir, registry, pool, age } = rig(t);
  write(dir, { 'x.tar.gz': tarGz({ name: 'a/g.py' }), 'y/a/g.py': '' });
  for (let n = 0; n < 300; n += 1) write(dir, { [`y/a/${n}`]: '' });
  age();
  const unpack = t.mock.method(pool, 'unpack');
  await fails(registry, 'x', 'code-invalid');
  await fails(registry, 'x', 'code-invalid');
  assert.equal(unpack.mock.callCount(), 1);
  write(dir, { 'x.tar.gz': tarGz(handler) });
  assert.equal(content(await registry.resolve('x')), handler.content);

  await fails(registry, 'y', 'code-invalid');
  await fails(registry, 'y', 'code-invalid');
  assert.deepEqual(await unpack.mock.calls.at(-1)?.result, { at: 'unchanged' });
  write(dir, { 'y/f.py': 'y' });
  assert.equal(content(await registry.resolve('y')), 'y');
});

test('a package that took too long is not tried again for a while', async (t) => {
  const { dir, registry, pool, age } = rig(t, { ms: 300 });
  write(dir, { 'x.tar.gz': slow() });
  const unpack = t.mock.method(pool, 'unpack');
  for (let n = 0; n < 3; n += 1) await fails(registry, 'x', 'code-invalid');
  assert.equal(unpack.mock.callCount(), 1);
  age();
  await fails(registry, 'x', 'code-invalid');
  const results = await Promise.all(unpack.mock.calls.map((call) => call.result));
  assert.deepEqual(
    results.map((result) => result?.at),
    ['exhausted', 'exhausted'],
  );
});

test('ten thousand unknown names leave nothing in memory', (t) => {
  setFlagsFromString('--expose-gc');
  const collect: unknown = runInNewContext('gc');
  assert(typeof collect === 'function');
  const { registry } = rig(t);
  const ask = (from: number) => {
    for (let n = from; n < from + 10_000; n += 1) assert.throws(() => registry.resolve(`unknown-${n}`), { code: 'lambda-unknown' });
    collect();
    return process.memoryUsage().heapUsed;
  };
  ask(0);
  const before = ask(10_000);
  const after = ask(20_000);
  assert(after - before < 200_000, `${after - before} bytes more`);
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

test('a missing or foreign file in the way of an entry is no entry', async (t) => {
  const { dir, registry } = rig(t);
  mkdirSync(join(dir, 'x.tar.gz'));
  mkdirSync(join(dir, 'x.py'));
  writeFileSync(join(dir, 'x'), 'file');
  await fails(registry, 'x', 'lambda-unknown');
});
