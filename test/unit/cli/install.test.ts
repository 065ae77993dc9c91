import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { isGit } from '../../../src/cli/install/git.ts';
import { pack } from '../../../src/cli/install/pack.ts';

test('a URL, an scp-like address and a bare repository are git, a directory is not', (t) => {
  const dir = scratch(t);
  for (const [source, git] of [
    ['https://example.com/hello.git', true],
    ['ssh://git@example.com/hello', true],
    ['file:///srv/hello.git', true],
    ['git@example.com:team/hello.git', true],
    ['./hello', false],
    ['/srv/c:d', false],
    [dir, false],
  ] as const)
    assert.equal(isGit(source), git, source);
  spawnSync('git', ['init', '--quiet', '--bare', dir]);
  assert.equal(isGit(dir), true);
});

test('an archive has the code at its root, the given files in place of its own, and no history', (t) => {
  const dir = code(t);
  const into = scratch(t);
  const settings = join(into, 'my settings');
  writeFileSync(settings, 'given: 1\n');
  t.mock.method(process.stdout, 'write', () => true);
  const archive = pack(dir, { into, given: { 'ol.yaml': settings, 'requirements.txt': undefined } });
  t.mock.restoreAll();
  const members = tar('-tzf', archive).trim().split('\n');
  assert.deepEqual(members.map((member) => member.replace(/^\.\//, '')).sort(), [
    '',
    'f.py',
    'link',
    'ol.yaml',
    'sub/',
    'sub/.git',
    'sub/ol.yaml',
  ]);
  assert.equal(tar('-xzOf', archive, 'ol.yaml'), 'given: 1\n');
  assert.equal(tar('-xzOf', archive, './sub/ol.yaml'), 'below: 1\n');
});

test('the same code is the same archive, whenever it was written', (t) => {
  const [one, other] = [code(t), code(t)];
  utimesSync(join(other, 'f.py'), 1, 1);
  const digests = [one, other].map((dir) =>
    createHash('sha256')
      .update(readFileSync(pack(dir, { into: scratch(t), given: {} })))
      .digest('hex'),
  );
  assert.equal(digests[0], digests[1]);
});

test('a given file that is not there is told', (t) => {
  assert.throws(() => pack(code(t), { into: scratch(t), given: { 'ol.yaml': '/no/such' } }), /read "\/no\/such" for ol\.yaml: ENOENT/);
});

function code(t: TestContext): string {
  const dir = scratch(t);
  mkdirSync(join(dir, '.git'));
  mkdirSync(join(dir, 'sub'));
  writeFileSync(join(dir, '.git/config'), 'secret');
  writeFileSync(join(dir, 'f.py'), 'def f(e): return 1\n');
  writeFileSync(join(dir, 'ol.yaml'), 'own: 1\n');
  writeFileSync(join(dir, 'sub/ol.yaml'), 'below: 1\n');
  writeFileSync(join(dir, 'sub/.git'), 'a file of a submodule');
  symlinkSync('f.py', join(dir, 'link'));
  return dir;
}

function tar(...args: readonly string[]): string {
  return spawnSync('tar', args, { encoding: 'utf8' }).stdout;
}

function scratch(t: TestContext): string {
  const dir = mkdtempSync(join(tmpdir(), 'install-'));
  t.after(() => rmSync(dir, { recursive: true }));
  return dir;
}
