// Packages that are directories: what is copied, what the digest is over, and what is refused.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  constants,
  cpSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { DirectorySource } from '../../../src/registry/directory-source.ts';
import { defaultLimits, type PackageLimits } from '../../../src/registry/limits.ts';
import { openFile } from '../../../src/registry/open-file.ts';
import { Changed } from '../../../src/registry/refusal.ts';
import { walkTree } from '../../../src/registry/tree.ts';
import { rig, scratch, stored, write } from './rig.ts';

const digest = (dir: string) => new DirectorySource(dir, defaultLimits).digest();

test('a directory is copied with its links, executable bits and file times, and without the rest of its modes', async (t) => {
  const { dir, registry } = rig(t);
  write(dir, { 'x/f.py': 'f', 'x/bin/run': 'run', 'x/.hidden': 'h', 'x/ä b': '' });
  mkdirSync(join(dir, 'x/empty'));
  symlinkSync('../f.py', join(dir, 'x/bin/link'));
  chmodSync(join(dir, 'x/bin/run'), 0o6711);
  chmodSync(join(dir, 'x/f.py'), 0o666);
  utimesSync(join(dir, 'x/f.py'), 1_600_000_000, 1_600_000_000);
  const { dir: code } = await registry.resolve('x');
  assert.deepEqual(readdirSync(code, { recursive: true }).sort(), readdirSync(join(dir, 'x'), { recursive: true }).sort());
  assert.equal(readlinkSync(join(code, 'bin/link')), '../f.py');
  assert.equal(lstatSync(join(code, 'bin/run')).mode & 0o7777, 0o755);
  assert.equal(lstatSync(join(code, 'f.py')).mode & 0o7777, 0o644);
  assert.equal(lstatSync(code).mode & 0o7777, 0o755);
  assert.equal(statSync(join(code, 'f.py')).mtimeMs, 1_600_000_000_000);
});

test('the umask of the worker does not matter', async (t) => {
  const { dir, registry } = rig(t);
  const before = process.umask(0o077);
  t.after(() => process.umask(before));
  write(dir, { 'x/f.py': 'f', 'x/a/b': 'b' });
  const { dir: code } = await registry.resolve('x');
  assert.deepEqual(
    ['', 'a', 'a/b'].map((path) => lstatSync(join(code, path)).mode & 0o7777),
    [0o755, 0o755, 0o644],
  );
});

test('the digest is over names, types, executable bits, targets and content, and over nothing else', (t) => {
  const base = scratch(t);
  const made = (name: string, change: (dir: string) => void = () => undefined) => {
    const dir = join(base, name);
    write(dir, { 'f.py': 'f', 'a/b': 'b', 'a/c': '' });
    symlinkSync('b', join(dir, 'a/l'));
    change(dir);
    return digest(dir);
  };
  const plain = made('plain');
  cpSync(join(base, 'plain'), join(base, 'copy'), { recursive: true, verbatimSymlinks: true });
  assert.equal(digest(join(base, 'copy')), plain);
  assert.equal(
    made('mode', (dir) => chmodSync(join(dir, 'f.py'), 0o600)),
    plain,
  );
  assert.equal(
    made('time', (dir) => utimesSync(join(dir, 'f.py'), 1, 1)),
    plain,
  );
  const changes: Record<string, (dir: string) => void> = {
    content: (dir) => write(dir, { 'a/b': 'B' }),
    executable: (dir) => chmodSync(join(dir, 'a/b'), 0o755),
    name: (dir) => renameSync(join(dir, 'a/b'), join(dir, 'a/d')),
    place: (dir) => renameSync(join(dir, 'a/b'), join(dir, 'b')),
    'empty directory': (dir) => mkdirSync(join(dir, 'e')),
    'directory for file': (dir) => {
      rmSync(join(dir, 'a/c'));
      mkdirSync(join(dir, 'a/c'));
    },
    target: (dir) => {
      rmSync(join(dir, 'a/l'));
      symlinkSync('c', join(dir, 'a/l'));
    },
    'moved content': (dir) => write(dir, { 'a/b': '', 'a/c': 'b' }),
  };
  const digests = Object.entries(changes).map(([name, change]) => made(name, change));
  assert.equal(new Set([plain, ...digests]).size, digests.length + 1);
});

describe('a directory is refused when it', () => {
  const cases: readonly {
    readonly what: string;
    readonly make: (dir: string) => void;
    readonly detail: RegExp;
    readonly limits?: Partial<PackageLimits>;
  }[] = [
    { what: 'has files in folders only', make: (dir) => write(dir, { 'a/g.py': '' }), detail: /it has no file at its root$/ },
    { what: 'is empty', make: () => undefined, detail: /it has no file at its root/ },
    {
      what: 'has an absolute link',
      make: (dir) => symlinkSync('/etc/passwd', join(dir, 'l')),
      detail: /"l" is a link to an absolute path/,
    },
    { what: 'has a link that leads out', make: (dir) => symlinkSync('../x', join(dir, 'l')), detail: /"l" is a link that leads out/ },
    {
      what: 'has an entry file that leads out',
      make: (dir) => symlinkSync('../other/f.py', join(dir, 'f.py')),
      detail: /"f\.py" is a link that leads out/,
    },
    { what: 'has a fifo', make: (dir) => execFileSync('mkfifo', [join(dir, 'p')]), detail: /"p" is neither file, directory nor link/ },
    { what: 'has a device', make: (dir) => execFileSync('mknod', [join(dir, 'd'), 'c', '1', '3']), detail: /"d" is neither/ },
    { what: 'has a backslash in a name', make: (dir) => write(dir, { 'a\\b': '' }), detail: /backslash/ },
    {
      what: 'has a name that is not UTF-8',
      make: (dir) => execFileSync('sh', ['-c', `: > "$(printf '${dir}/caf\\351')"`]),
      detail: /not UTF-8/,
    },
    {
      what: 'has too many entries',
      make: (dir) => write(dir, { 'f.py': '', a: '', 'b/c': '' }),
      detail: /more than 3 entries/,
      limits: { entries: 3 },
    },
    {
      what: 'is too deep',
      make: (dir) => write(dir, { 'f.py': '', 'a/b/c': '' }),
      detail: /"a\/b\/c" is more than 2 directories deep/,
      limits: { depth: 2 },
    },
    {
      what: 'is too big',
      make: (dir) => write(dir, { 'f.py': 'x'.repeat(400), a: 'x'.repeat(700) }),
      detail: /more than 1000 bytes/,
      limits: { bytes: 1000 },
    },
    {
      what: 'has a big sparse file',
      make: (dir) => execFileSync('truncate', ['-s', '8T', join(dir, 'f.py')]),
      detail: /more than 1073741824 bytes/,
    },
  ];
  for (const { what, make, detail, limits } of cases) {
    test(what, { skip: what === 'has a device' && process.getuid?.() !== 0 && 'only root makes devices' }, async (t) => {
      const { dir, base, registry, store } = rig(t, limits);
      mkdirSync(join(dir, 'x'));
      write(base, { 'other/f.py': 'other' });
      make(join(dir, 'x'));
      await assert.rejects(async () => registry.resolve('x'), { code: 'code-invalid', detail });
      await store.settled();
      assert.deepEqual(stored(store), []);
    });
  }
});

test('a socket in a directory is refused', async (t) => {
  const { dir, registry } = rig(t);
  write(dir, { 'x/f.py': '' });
  const server = createServer();
  t.after(() => server.close());
  await new Promise<void>((listening) => server.listen(join(dir, 'x/s'), listening));
  await assert.rejects(async () => registry.resolve('x'), { code: 'code-invalid', detail: /"s" is neither/ });
});

test('a directory swapped for a link during the walk is not followed', (t) => {
  const base = scratch(t);
  write(base, { 'x/a/f': 'inside', 'x/b/f': 'inside', 'out/f': 'outside', 'out/secret': 'outside' });
  const seen: string[] = [];
  const walk = () =>
    walkTree(join(base, 'x'), defaultLimits, (member) => {
      seen.push(member.kind === 'file' ? `${member.path}=${readFileSync(member.at, 'utf8')}` : member.path);
      if (member.path !== 'a/f') return;
      renameSync(join(base, 'x/b'), join(base, 'x/gone'));
      symlinkSync('../out', join(base, 'x/b'));
    });
  assert.throws(walk, /"b" is a link that leads out/);
  assert.deepEqual(seen, ['', 'a', 'a/f=inside']);
});

test('a directory that is open stays the one that is read, whatever takes its place', (t) => {
  const base = scratch(t);
  write(base, { 'x/a/1': 'inside', 'x/a/2': 'inside', 'out/1': 'outside', 'out/2': 'outside' });
  const contents: string[] = [];
  walkTree(join(base, 'x'), defaultLimits, (member) => {
    if (member.kind === 'file') contents.push(readFileSync(member.at, 'utf8'));
    if (member.path !== 'a/1') return;
    renameSync(join(base, 'x/a'), join(base, 'x/gone'));
    symlinkSync('../out', join(base, 'x/a'));
  });
  assert.deepEqual(contents, ['inside', 'inside']);
});

test('a file swapped for a link or a fifo between the look and the open is a change', (t) => {
  const base = scratch(t);
  for (const swap of [() => symlinkSync('/etc/passwd', join(base, 'x/b')), () => execFileSync('mkfifo', [join(base, 'x/b')])]) {
    rmSync(join(base, 'x'), { recursive: true, force: true });
    write(base, { 'x/b': 'inside' });
    const walk = () =>
      walkTree(join(base, 'x'), defaultLimits, (member) => {
        if (member.kind !== 'file') return;
        rmSync(join(base, 'x/b'));
        swap();
        openFile(member.at, constants.O_NOFOLLOW);
      });
    assert.throws(walk, Changed);
  }
});

test('a big directory goes through the pool and comes out the same as a small one would', async (t) => {
  const { dir, registry, pool } = rig(t);
  write(dir, { 'x/f.py': 'f' });
  for (let n = 0; n < 500; n += 1) write(dir, { [`x/d${n % 7}/${n}`]: `${n}` });
  const unpack = t.mock.method(pool, 'unpack');
  const code = await registry.resolve('x');
  assert.equal(unpack.mock.callCount(), 1);
  assert.equal(code.digest, digest(join(dir, 'x')));
  assert.equal(digest(code.dir), code.digest);
});
