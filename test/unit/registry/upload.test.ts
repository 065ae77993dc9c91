// Packages that are put into the registry's directory and removed from it: what counts, from which moment, and what is left.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { type TestContext, test } from 'node:test';
import { WorkerError } from '../../../src/errors.ts';
import { RegistryEditor } from '../../../src/registry/editor.ts';
import { defaultLimits } from '../../../src/registry/limits.ts';
import { handler, tarGz } from './archives.ts';
import { rig, stored, write } from './rig.ts';

const limits = { ...defaultLimits, ms: 5000, fileBytes: 1000 };

function editing(t: TestContext, { check = (_dir: string): void => {}, dir = '' } = {}) {
  const own = rig(t);
  own.age();
  const changed: string[] = [];
  const editor = new RegistryEditor({
    dir: dir === '' ? own.dir : dir,
    store: own.store,
    pool: own.pool,
    limits,
    check,
    onChanged: (name) => void changed.push(name),
  });
  return { ...own, editor, changed };
}

const bytes = (...parts: (string | Uint8Array)[]): Readable => Readable.from(parts.map((part) => Buffer.from(part)));
const failed = (error: Error): Readable => new Readable({ read: () => {} }).on('error', () => {}).destroy(error);
const code = (text: string) => tarGz({ name: 'f.py', content: text });
const refused = (codeOf: string, detail?: RegExp) => (error: unknown) => {
  assert.ok(error instanceof WorkerError, String(error));
  assert.equal(error.code, codeOf);
  if (detail !== undefined) assert.match(error.message, detail);
  return true;
};

test('an archive is put there as it came, and is the code from then on', async (t) => {
  const { dir, registry, editor, changed, store } = editing(t);
  const archive = code('one');
  const put = await editor.put('x', 'archive', bytes(archive.subarray(0, 20), archive.subarray(20)));
  assert.deepEqual(put, { name: 'x', digest: createHash('sha256').update(archive).digest('hex'), size: archive.length });
  assert.deepEqual(readdirSync(dir), ['x.tar.gz']);
  assert.deepEqual(readFileSync(join(dir, 'x.tar.gz')), Buffer.from(archive));
  const resolved = await registry.resolve('x');
  assert.deepEqual([resolved.digest, readFileSync(join(resolved.dir, 'f.py'), 'utf8')], [put.digest, 'one']);
  assert.deepEqual([changed, stored(store)], [['x'], [put.digest]]);
});

test('whichever form it has, what was put there last counts, and it is the only one', async (t) => {
  const { dir, registry, editor } = editing(t);
  const content = async () => readFileSync(join((await registry.resolve('x')).dir, 'f.py'), 'utf8');
  write(dir, { 'x/f.py': 'directory', 'x.py': 'file' });
  await editor.put('x', 'archive', bytes(code('archive')));
  assert.deepEqual([readdirSync(dir), await content()], [['x.tar.gz'], 'archive']);
  await editor.put('x', 'file', bytes('new file'));
  assert.deepEqual([readdirSync(dir), await content()], [['x.py'], 'new file']);
  write(dir, { 'x.py': 'file', 'x/f.py': 'directory' });
  await editor.put('x', 'file', bytes('newer file'));
  assert.deepEqual([readdirSync(dir), await content()], [['x.py'], 'newer file']);
});

test('what is wrong with a package is told, and nothing is changed', async (t) => {
  const { dir, registry, editor, changed, store } = editing(t, {
    check: (unpacked) => {
      if (existsSync(join(unpacked, 'ol.yaml'))) throw new WorkerError('code-invalid', { detail: 'ol.yaml: no' });
    },
  });
  await editor.put('x', 'archive', bytes(code('good')));
  const digest = (await registry.resolve('x')).digest;
  const wrong: readonly (readonly [form: 'archive' | 'file', body: Readable, code: string, detail: RegExp])[] = [
    ['archive', bytes('no gzip'), 'upload-invalid', /nothing was changed: it is no intact gzip archive/],
    ['archive', bytes(), 'upload-invalid', /it/],
    ['archive', bytes(code('cut').subarray(0, 30)), 'upload-invalid', /no intact/],
    ['archive', bytes(tarGz({ name: 'a/other.py' })), 'upload-invalid', /it has no file at its root/],
    ['archive', bytes(tarGz(handler, { name: '../evil' })), 'upload-invalid', /"\.\.\/evil" has "\.\." in its name/],
    ['archive', bytes(tarGz(handler, { name: 'ol.yaml', content: 'x' })), 'upload-invalid', /nothing was changed: ol\.yaml: no$/],
    ['file', bytes('x'.repeat(1001)), 'upload-invalid', /single file of more than 1000 bytes/],
    ['archive', failed(new WorkerError('body-too-large')), 'body-too-large', /./],
    [
      'archive',
      Readable.from(
        (function* () {
          yield Buffer.from('half');
          throw new WorkerError('client-gone');
        })(),
      ),
      'client-gone',
      /./,
    ],
  ];
  for (const [form, body, codeOf, detail] of wrong) await assert.rejects(editor.put('x', form, body), refused(codeOf, detail));
  assert.deepEqual([readdirSync(dir), changed], [['x.tar.gz'], ['x']]);
  assert.equal((await registry.resolve('x')).digest, digest);
  await store.settled();
  assert.deepEqual(stored(store), [digest]);
});

test('a name that no lambda has is refused before anything is written', async (t) => {
  const { dir, editor } = editing(t);
  for (const name of ['', '.', '..', '../x', 'a/b', 'a b', '\0', 'é', 'x'.repeat(241)])
    await assert.rejects(editor.put(name, 'archive', bytes(code('x'))), refused('registry-name'), name);
  await editor.put('x'.repeat(240), 'archive', bytes(code('x')));
  assert.deepEqual(readdirSync(dir), [`${'x'.repeat(240)}.tar.gz`]);
});

test('several at a time: each is whole, one of them is the code', async (t) => {
  const { dir, registry, editor } = editing(t);
  const put = await Promise.all(
    Array.from({ length: 8 }, (_, n) => editor.put('x', n % 2 === 0 ? 'archive' : 'file', bytes(n % 2 === 0 ? code(`${n}`) : `${n}`))),
  );
  const { digest } = await registry.resolve('x');
  assert.equal(put.filter((one) => one.digest === digest).length, 1);
  assert.equal(readdirSync(dir).length, 1);
});

test('removing takes away every form, and what a link leads to stays', async (t) => {
  const { dir, base, registry, editor, changed } = editing(t);
  write(base, { 'elsewhere/f.py': 'mine' });
  write(dir, { 'x.tar.gz': code('a'), 'x.py': 'b', 'x/f.py': 'c', 'y.py': 'y' });
  symlinkSync(join(base, 'elsewhere'), join(dir, 'z'));
  await registry.resolve('x');
  await editor.remove('x');
  await editor.remove('z');
  assert.deepEqual([readdirSync(dir), changed], [['y.py'], ['x', 'z']]);
  assert.equal(readFileSync(join(base, 'elsewhere/f.py'), 'utf8'), 'mine');
  assert.throws(() => registry.resolve('x'), refused('lambda-unknown'));
  await assert.rejects(editor.remove('x'), refused('lambda-unknown'));
  await assert.rejects(editor.remove('../y'), refused('lambda-name'));
});

test('what is no entry of a lambda is left alone', async (t) => {
  const { dir, editor } = editing(t);
  mkdirSync(join(dir, 'x.py'));
  writeFileSync(join(dir, 'x'), 'no directory');
  await assert.rejects(editor.remove('x'), refused('lambda-unknown'));
  await editor.put('x', 'archive', bytes(code('x')));
  assert.deepEqual(readdirSync(dir), ['x', 'x.py', 'x.tar.gz']);
});

test('a registry that cannot be written to, or is gone, is told as such', async (t) => {
  await assert.rejects(editing(t, { dir: '/sys' }).editor.put('x', 'archive', bytes(code('x'))), refused('registry-read-only'));
  const { base, store } = rig(t);
  await assert.rejects(
    editing(t, { dir: join(base, 'none') }).editor.put('x', 'archive', bytes(code('x'))),
    refused('registry-unavailable'),
  );
  await assert.rejects(editing(t, { dir: join(base, 'none') }).editor.remove('x'), refused('registry-unavailable'));
  assert.deepEqual(stored(store), []);
});

test('what a killed worker has left is swept when it is old, and nothing else', async (t) => {
  const { dir, editor } = editing(t);
  write(dir, { '.upload~1': 'x', '.removed~1/f.py': 'x', 'x.py': 'x' });
  await editor.sweep();
  assert.equal(readdirSync(dir).length, 3, 'all of it is new');
  t.mock.timers.enable({ apis: ['Date'], now: Date.now() + 25 * 3600_000 });
  await editor.sweep();
  assert.deepEqual(readdirSync(dir), ['x.py']);
});

test('a registry directory that is missing is swept without a word, and is not made', async (t) => {
  const { base } = rig(t);
  const { editor } = editing(t, { dir: join(base, 'missing') });
  await editor.sweep();
  await assert.rejects(editor.put('x', 'file', bytes('x')), refused('registry-unavailable', /its directory is missing$/));
  assert.ok(!existsSync(join(base, 'missing')));
});
