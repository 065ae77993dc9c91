import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { handler, slow, tarGz } from './archives.ts';
import { code, content, fails, now } from './resolving.ts';
import { rig, stored, write } from './rig.ts';

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

test('a missing or foreign file in the way of an entry is no entry', async (t) => {
  const { dir, registry } = rig(t);
  mkdirSync(join(dir, 'x.tar.gz'));
  mkdirSync(join(dir, 'x.py'));
  writeFileSync(join(dir, 'x'), 'file');
  await fails(registry, 'x', 'lambda-unknown');
});
