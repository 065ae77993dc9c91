// Unpacked layers beside what GNU tar and overlayfs of this kernel make of the same blobs.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, lstatSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { belowOf, overlaysOf, treeOf } from '../../src/registry/layers/layer-directory.ts';
import { layerLimits } from '../../src/registry/layers/layer-limits.ts';
import { UnpackPool } from '../../src/registry/unpack-pool.ts';
import { type Member, tar } from '../unit/registry/archives.ts';
import { needsRoot } from './rig.ts';

/** Of any Debian: links, long names, several owners. Read once, since it may change. */
const sources = ['etc', 'usr/share/zoneinfo', 'usr/share/perl5'].filter((path) => existsSync(join('/', path)));

/** Path → all there is to know; which names are one file is told by the first of them. */
function listing(root: string): Map<string, string> {
  const found = new Map<string, string>();
  const inodes = new Map<number, string>();
  for (const path of ['', ...readdirSync(root, { recursive: true, encoding: 'utf8' }).sort()]) {
    const at = join(root, path);
    const stat = lstatSync(at);
    const { mode, uid, gid, size, mtimeMs, ino, rdev } = stat;
    if (stat.isCharacterDevice()) {
      found.set(path, `whiteout ${rdev}`);
      continue;
    }
    const traits = `${(mode & 0o1777).toString(8)} ${uid}:${gid} ${Math.floor(mtimeMs)}`;
    if (stat.isDirectory()) found.set(path, `directory ${traits}`);
    else if (stat.isSymbolicLink()) found.set(path, `link to ${readlinkSync(at)} ${uid}:${gid} ${Math.floor(mtimeMs)}`);
    else {
      const first = inodes.get(ino) ?? path;
      inodes.set(ino, first);
      found.set(path, `file ${traits} ${size} ${createHash('sha256').update(readFileSync(at)).digest('hex')} ${first}`);
    }
  }
  return found;
}

/** What `tar -x` makes of it, the members that hide something taken as what they mean. */
function reference(root: string): { tree: Map<string, string>; opaque: string[] } {
  const tree = listing(root);
  const opaque: string[] = [];
  for (const path of [...tree.keys()]) {
    const [, directory = '', name = ''] = /^(.*\/)?\.wh\.([^/]+)$/.exec(path) ?? [];
    if (name === '') continue;
    tree.delete(path);
    if (name === '.wh..opq') opaque.push(directory.slice(0, -1));
    else if (tree.get(directory + name)?.startsWith('directory')) opaque.push(directory + name);
    else if (!tree.has(directory + name)) tree.set(directory + name, 'whiteout 0');
  }
  return { tree, opaque: opaque.sort() };
}

function scratch(t: TestContext): string {
  const dir = mkdtempSync(join(tmpdir(), 'layers-test-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

async function unpacked(t: TestContext, base: string, blob: string, plain: Uint8Array): Promise<string> {
  const pool = new UnpackPool({ threads: 1 });
  t.after(() => pool.close());
  const into = mkdtempSync(join(base, 'layer-'));
  const diffId = `sha256:${createHash('sha256').update(plain).digest('hex')}`;
  const outcome = await pool.unpackLayer({ blob, diffId, into, limits: layerLimits });
  assert.equal(outcome.at, 'unpacked', JSON.stringify(outcome));
  return into;
}

for (const format of ['pax', 'gnu'] as const) {
  test(`a real layer comes out, entry by entry, as GNU tar brings it out (${format})`, needsRoot, async (t) => {
    const base = scratch(t);
    const extra = join(base, 'extra');
    for (const path of ['usr/share/zoneinfo', 'usr/lib']) mkdirSync(join(extra, path), { recursive: true }); // nothing is only implied
    for (const name of ['.wh.gone', '.wh.zoneinfo', 'usr/share/zoneinfo/.wh..wh..opq', 'usr/.wh.games'])
      writeFileSync(join(extra, name), '');
    const archive = join(base, 'layer.tar');
    const options = [
      `--format=${format}`,
      '--sort=name',
      '--numeric-owner',
      '-C',
      '/',
      ...sources,
      '-C',
      extra,
      '.wh.gone',
      '.wh.zoneinfo',
      'usr',
    ];
    execFileSync('tar', ['-cf', archive, ...options], { stdio: ['ignore', 'ignore', 'pipe'] });
    const expected = join(base, 'expected');
    mkdirSync(expected);
    execFileSync('tar', ['--numeric-owner', '-xpf', archive, '-C', expected]);

    const layer = await unpacked(t, base, archive, readFileSync(archive));
    const { tree, opaque } = reference(expected);
    assert(tree.size > 500, `${tree.size} entries`);
    tree.delete(''); // no member says what the root is
    const found = listing(treeOf(layer));
    found.delete('');
    assert.deepEqual([...found].sort(), [...tree].sort());
    assert.deepEqual(
      [...listing(belowOf(layer))].filter(([, what]) => what.startsWith('whiteout')).map(([path]) => path),
      opaque,
    );
  });
}

test('overlayfs sees what an image with these layers has', needsRoot, async (t) => {
  const base = scratch(t);
  const layers = [
    await made(t, base, [
      ...[
        'kept',
        'gone',
        'file',
        'whole/a',
        'whole/deep/b',
        'again/old',
        'again/deep/old',
        'emptied/x',
        'linked/x',
        'opaque/in/opaque/x',
      ].map((name) => ({ name })),
    ]),
    await made(t, base, [
      { name: '.wh.gone' },
      { name: '.wh.file' },
      { name: 'file', content: 'of this layer' }, // though the same layer hides it
      { name: '.wh.whole' },
      { name: 'again/new' },
      { name: '.wh.again' }, // so that it is not the one below
      { name: 'emptied/.wh..wh..opq' },
      { name: 'linked', type: '5', mode: 0o750 },
      { name: 'linked/.wh.x' },
      { name: 'opaque/.wh..wh..opq' },
      { name: 'opaque/in/opaque/.wh..wh..opq' },
      { name: 'opaque/in/y' },
    ]),
    await made(t, base, [{ name: 'whole/new' }, { name: 'emptied/late' }]),
  ];
  const lower = layers.flatMap(overlaysOf).reverse().join(':');
  const script = 'mount -t overlay overlay -o ro,lowerdir="$1" "$2" && cd "$2" && find . -mindepth 1 -printf "%P %y %s\\n"';
  const where = join(base, 'mounted');
  mkdirSync(where);
  const seen = execFileSync('unshare', ['-m', 'sh', '-ec', script, 'sh', lower, where], { encoding: 'utf8' });
  const directories = ['again', 'emptied', 'linked', 'opaque', 'opaque/in', 'opaque/in/opaque', 'whole'];
  const files = ['again/new', 'emptied/late', 'kept', 'opaque/in/y', 'whole/new'];
  const lines = seen.trim().split('\n');
  assert.deepEqual(
    lines.map((line) => line.replace(/ d \d+$/, ' d')).sort(),
    [...directories.map((path) => `${path} d`), ...files.map((path) => `${path} f 0`), 'file f 13'].sort(),
  );
});

async function made(t: TestContext, base: string, members: readonly Member[]): Promise<string> {
  const bytes = tar(members);
  const blob = join(base, 'blob');
  writeFileSync(blob, bytes);
  return unpacked(t, base, blob, bytes);
}
