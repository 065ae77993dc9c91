import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { refuseOwn } from '../../../src/cli/install/own-code.ts';

let dir: string;
let registry: string;
beforeEach(() => {
  dir = realpathSync(mkdtempSync(join(tmpdir(), 'own-code-')));
  registry = join(dir, 'env/registry');
  mkdirSync(join(registry, 'hello/sub'), { recursive: true });
  mkdirSync(join(dir, 'elsewhere/sub'), { recursive: true });
  writeFileSync(join(registry, 'single.py'), '');
  symlinkSync(registry, join(dir, 'link'));
  symlinkSync(join(dir, 'elsewhere'), join(registry, 'linked'));
});
afterEach(() => rmSync(dir, { recursive: true }));

const own: readonly (readonly [what: string, name: string, source: string])[] = [
  ['itself', 'hello', 'env/registry/hello'],
  ['itself by a crooked path', 'hello', 'env/registry/../registry/hello/'],
  ['itself by a link', 'hello', 'link/hello'],
  ['a directory in it', 'hello', 'env/registry/hello/sub'],
  ['the registry, which holds it', 'hello', 'env/registry'],
  ['a directory above the registry', 'hello', '.'],
  ['the root of all', 'hello', '/'],
  ['what holds the file of that name', 'single', 'env/registry'],
  ['what a link in the registry leads to', 'linked', 'elsewhere'],
  ['a directory in what a link leads to', 'linked', 'elsewhere/sub'],
];
for (const [what, name, source] of own) {
  test(`a package takes no place of what it is made of: ${what}`, () => {
    const at = source.startsWith('/') ? source : `${dir}/${source}`;
    assert.throws(() => refuseOwn(registry, name, at), {
      name: 'Failure',
      message: new RegExp(`^install "${name}": ".*/${name}(\\.py)?" is in the registry already`),
    });
    assert.throws(() => refuseOwn(join(dir, 'link'), name, at), { name: 'Failure' });
  });
}

test('what has nothing to do with the entry may take its place, and what is in the registry may get another name', () => {
  refuseOwn(registry, 'hello', join(dir, 'elsewhere'));
  refuseOwn(registry, 'other', join(registry, 'hello'));
  refuseOwn(registry, 'new', dir);
  refuseOwn(join(dir, 'no-registry'), 'hello', join(registry, 'hello'));
});
