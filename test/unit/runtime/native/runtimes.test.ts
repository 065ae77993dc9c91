import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { type EntryChoice, runtimeOf } from '../../../../src/runtime/runtime.ts';
import { allRuntimes } from '../../../../src/runtime/runtimes.ts';
import { packageRoot } from '../../../../src/sandbox/sock/native.ts';

const options = { packageRoot: packageRoot(), base: '/', node: process.execPath, memoryBytes: 50 << 20 };
const runtimes = allRuntimes(options);

test('which runtime a package is of', () => {
  const table: [files: string[], entry: EntryChoice, name: string | undefined][] = [
    [['f.py'], {}, 'python'],
    [['f.py', 'f.bin', 'index.mjs'], {}, 'python'],
    [['f.bin', 'index.mjs'], {}, 'native'],
    [['index.mjs'], {}, 'node'],
    [['index.js', 'package.json'], {}, 'node'],
    [['f.mjs'], {}, 'node'],
    [['f.js'], {}, 'node'],
    [['f.cjs'], {}, 'node'],
    [['app.py', 'index.js'], {}, 'node'],
    [['app.py'], { file: 'app.py' }, 'python'],
    [['src/app.py', 'f.bin'], { file: 'src/app.py' }, 'python'],
    [['f.py', 'f.bin', 'src/main.mjs'], { file: 'src/main.mjs' }, 'node'],
    [['f.py', 'f.bin'], { file: 'f.bin' }, 'native'],
    [['f.py', 'f.bin'], { file: 'app.py' }, 'native'],
    [['f.py'], { wsgi: 'app' }, 'python'],
    [['f.py'], { file: 'app.py' }, undefined],
    [['index.js'], { file: 'main.js' }, undefined],
    [['README.md'], {}, undefined],
    [[], {}, undefined],
  ];
  for (const [files, entry, name] of table)
    assert.equal(runtimeOf(runtimes, files, entry)?.name, name, `${files.join(' ')} ${JSON.stringify(entry)}`);
});

const built = (name: string): string => join(packageRoot(), 'build/Release', name);
const skip = existsSync(built('launcher')) ? false : 'the native part is not built';

test('the launcher and what it executes for native lambdas are static and need no libc: they are in every sandbox, and start at once', {
  skip,
}, () => {
  for (const name of ['launcher', 'native_leaf']) {
    assert.equal(execFileSync('nm', ['--undefined-only', built(name)], { encoding: 'utf8' }), '', name);
    assert.doesNotMatch(execFileSync('objdump', ['-p', built(name)], { encoding: 'utf8' }), /INTERP|DYNAMIC/, name);
  }
});

test('every file that a runtime needs is there, and no two want the same place for different ones', { skip }, () => {
  const places = new Map<string, string>();
  for (const [from, to] of runtimes.flatMap(({ files }) => files)) {
    assert.ok(existsSync(from), from);
    assert.equal(places.get(to) ?? from, from, to);
    places.set(to, from);
  }
  for (const { program } of runtimes) {
    const inside = program.argv.filter((word) => word.startsWith('/runtime/'));
    assert.ok(inside.length > 0);
    for (const word of inside) assert.ok(places.has(word) || program.mounts.some(([, target]) => target === word), word);
  }
});
