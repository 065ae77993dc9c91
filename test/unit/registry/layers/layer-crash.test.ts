// A worker killed while it unpacks a layer: nothing half-made counts as present, and the next start clears it away.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, watch, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { treeOf } from '../../../../src/registry/layers/layer-directory.ts';
import { layer, layerRig } from './rig.ts';

const source = new URL('../../../../src/registry/', import.meta.url).href;
const program = `
  const { LayerStore } = await import('${source}layers/layer-store.js');
  const { layerLimits } = await import('${source}layers/layer-limits.js');
  const { UnpackPool } = await import('${source}unpack-pool.js');
  const [dir, job] = process.argv.slice(1);
  const pool = new UnpackPool();
  const store = new LayerStore({ dir, pool, bytes: 2 ** 40 });
  const { diffId } = JSON.parse(job);
  await store.make(diffId, (into) => pool.unpackLayer({ ...JSON.parse(job), into, limits: layerLimits }));
`;

test('a worker killed in the middle of a layer leaves nothing that counts as present', async (t) => {
  const { base, store, fill } = layerRig(t);
  const [dir, blob] = [join(base, 'layers'), join(base, 'blob')];
  mkdirSync(dir);
  const many = Array.from({ length: 20_000 }, (_, n) => ({ name: `d${n % 100}/${n}`, content: `${n}` }));
  const { bytes, diffId } = layer(...many);
  writeFileSync(blob, bytes);

  const job = JSON.stringify({ blob, diffId });
  const child = spawn(process.execPath, ['--input-type=module', '-e', program, dir, job], { stdio: 'inherit' });
  const temporary = join(dir, await appears(dir, (name) => name.startsWith('tmp-')));
  await appears(temporary, (name) => treeOf(temporary) === join(temporary, name));
  await appears(treeOf(temporary), (name) => name.startsWith('d')); // not its own chmod
  child.kill('SIGKILL');
  const [, signal] = await once(child, 'exit');
  assert.equal(signal, 'SIGKILL', 'it was done before it could be killed');
  assert.deepEqual(
    readdirSync(dir).map((name) => join(dir, name)),
    [temporary],
    'no layer, only a temporary directory',
  );
  const members = readdirSync(treeOf(temporary), { recursive: true }).length;
  assert(members > 0 && members < many.length, `${members} members`);

  const layers = store();
  assert(!layers.has(diffId));
  await layers.settled();
  assert.deepEqual(readdirSync(dir), []);
  await layers.make(diffId, fill({ bytes, diffId }));
  const [tree = ''] = layers.overlays(diffId);
  assert.equal(readFileSync(join(tree, 'd99/19999'), 'utf8'), '19999');
  assert(!existsSync(temporary));
});

/** The first name in the directory that is the right one. */
function appears(dir: string, right: (name: string) => boolean): Promise<string> {
  return new Promise((resolve) => {
    const found = (name: string | undefined | null) => {
      if (name === undefined || name === null || !right(name)) return;
      watcher.close();
      resolve(name);
    };
    const watcher = watch(dir, (_, name) => found(name));
    found(readdirSync(dir).find(right));
  });
}
