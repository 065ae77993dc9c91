// A worker makes and removes files only in a directory that is its own.
import assert from 'node:assert/strict';
import { closeSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { parseConfig } from '../../../src/config/load.ts';
import { openLock, ownNames } from '../../../src/config/worker-directory.ts';

function scratch(t: TestContext): string {
  const dir = mkdtempSync(join(tmpdir(), 'sock-own-'));
  t.after(() => rmSync(dir, { recursive: true }));
  return dir;
}

test('one that is missing, empty, or holds other things is taken, and is its own from then on', (t) => {
  const dir = scratch(t);
  mkdirSync(join(dir, 'registry'));
  for (const place of [join(dir, 'new/below'), dir]) {
    closeSync(openLock(place));
    for (const name of ownNames) mkdirSync(join(place, name));
    closeSync(openLock(place));
    rmSync(join(place, 'root'), { recursive: true });
    closeSync(openLock(place));
  }
});

test('two that begin at once both take it for theirs', (t) => {
  const dir = scratch(t);
  const mark = openLock(dir);
  closeSync(mark);
  writeFileSync(
    join(dir, 'lock'),
    'This directory belongs to a sock-worker, which removes what it finds in it, but for a registry.\n'.repeat(2),
  );
  mkdirSync(join(dir, 'root'));
  closeSync(openLock(dir));
});

for (const name of [...ownNames, 'lock']) {
  test(`one that has a "${name}" of somebody else's is refused, and nothing is made there`, (t) => {
    const dir = scratch(t);
    if (name === 'lock') writeFileSync(join(dir, name), 'pid 1');
    else if (name === 'root') symlinkSync('/nowhere', join(dir, name));
    else mkdirSync(join(dir, name));
    assert.throws(() => openLock(dir), {
      name: 'ConfigError',
      message: new RegExp(`^worker_dir: .* where "${name}" is of somebody else's making`),
    });
    assert.deepEqual(readdirSync(dir), [name]);
  });
}

test('a registry and what the worker keeps are apart', () => {
  const problem = (registry: string, worker_dir: string) => {
    try {
      parseConfig({ registry, worker_dir });
    } catch (error) {
      return (error as Error).message;
    }
    return undefined;
  };
  for (const registry of ['/w', '/', '/w/store', '/w/root/usr', '/w/images'])
    assert.match(
      `${problem(registry, '/w')}`,
      /^registry: expected a place apart from what the worker keeps in worker_dir \("\/w"\), such as "registry" in it, got/,
    );
  for (const registry of ['', '/w/registry', '/w/lambdas', '/x', '/wx', 'https://w/', 's3://bucket/root'])
    assert.equal(problem(registry, '/w'), undefined);
});
