// Archives made by GNU tar in all its formats come out as `tar -x` brings them out.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, linkSync, lstatSync, mkdirSync, readdirSync, readFileSync, readlinkSync, symlinkSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { rig, scratch, write } from './rig.ts';

const long = 'a-directory-with-a-long-name/'.repeat(6);

function sample(dir: string, names: 'short' | 'long'): void {
  write(dir, {
    'f.py': 'def f(event):\n    return event\n',
    'package/__init__.py': '',
    'package/data.bin': Buffer.alloc(300_000, 'data'),
    'run.sh': '#!/bin/sh\n',
    'secret.txt': 'x',
    ...(names === 'long' ? { [`${long}a-file-of-umlauts-äöü-${'y'.repeat(100)}.py`]: 'x', 'blank \n line': 'x' } : {}),
  });
  mkdirSync(join(dir, 'empty'));
  chmodSync(join(dir, 'run.sh'), 0o4755);
  chmodSync(join(dir, 'secret.txt'), 0o600);
  chmodSync(join(dir, 'package'), 0o2777);
  symlinkSync('../run.sh', join(dir, 'package/link'));
  linkSync(join(dir, 'package/data.bin'), join(dir, 'same.bin'));
  utimesSync(join(dir, 'f.py'), 1_600_000_000, 1_600_000_000);
}

/** Path → what is there, file times in whole seconds. */
function listing(dir: string): Record<string, string> {
  const found: Record<string, string> = {};
  for (const name of readdirSync(dir, { recursive: true, encoding: 'utf8' })) {
    const path = join(dir, name);
    const stat = lstatSync(path);
    if (stat.isDirectory()) found[name] = 'directory 755';
    else if (stat.isSymbolicLink()) found[name] = `link to ${readlinkSync(path)}`;
    else found[name] = `${(stat.mode & 0o7777).toString(8)} ${Math.floor(stat.mtimeMs / 1000)} ${readFileSync(path, 'base64')}`;
  }
  return found;
}

describe('a GNU tar archive comes out like by tar -x in the format', () => {
  for (const [format, names] of [
    ['pax', 'long'],
    ['gnu', 'long'],
    ['ustar', 'short'],
    ['oldgnu', 'long'],
    ['v7', 'short'],
  ] as const) {
    test(format, async (t) => {
      const { dir, registry } = rig(t);
      const source = scratch(t);
      sample(source, names);
      execFileSync('tar', ['-czf', join(dir, 'sample.tar.gz'), `--format=${format}`, '-C', source, '.']);
      const code = await registry.resolve('sample');

      const expected = scratch(t);
      execFileSync('tar', ['-xzf', join(dir, 'sample.tar.gz'), '--no-same-owner', '--no-same-permissions', '-C', expected], {
        stdio: 'ignore',
      });
      chmodSync(join(expected, 'secret.txt'), 0o644);
      chmodSync(join(expected, 'run.sh'), 0o755);
      assert.deepEqual(listing(code.dir), listing(expected));
    });
  }
});

test('setuid, setgid and write bits are gone, the executable bit stays, everything belongs to the worker', async (t) => {
  const { dir, registry } = rig(t);
  const source = scratch(t);
  sample(source, 'short');
  execFileSync('tar', ['-czf', join(dir, 'sample.tar.gz'), '--owner=1234', '--group=1234', '-C', source, '.']);
  const { dir: code } = await registry.resolve('sample');
  const modes = Object.fromEntries(
    ['', 'f.py', 'run.sh', 'secret.txt', 'package'].map((path) => [path, lstatSync(join(code, path)).mode & 0o7777]),
  );
  assert.deepEqual(modes, { '': 0o755, 'f.py': 0o644, 'run.sh': 0o755, 'secret.txt': 0o644, package: 0o755 });
  assert.equal(lstatSync(join(code, 'f.py')).uid, process.getuid?.());
});

test('a sparse file made by GNU tar is refused', async (t) => {
  const { dir, registry } = rig(t);
  const source = scratch(t);
  write(source, { 'f.py': '' });
  execFileSync('truncate', ['-s', '4M', join(source, 'sparse')]);
  for (const format of ['pax', 'gnu']) {
    execFileSync('tar', ['-czf', join(dir, `${format}.tar.gz`), '--sparse', `--format=${format}`, '-C', source, '.']);
    await assert.rejects(async () => registry.resolve(format), {
      code: 'code-invalid',
      detail: /^member "[^"]*sparse" is (a sparse file|sparse or of an unknown type)$/,
    });
  }
});
