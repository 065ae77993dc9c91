import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { layer, layerRig } from './rig.ts';

const one = layer({ name: 'one', content: '1' });
const two = layer({ name: 'two', content: '2' });
const three = layer({ name: 'three', content: '3' });
/** Of each of them, with its root. */
const bytes = 1 + 2 * 4096;
const hex = (diffId: string): string => diffId.replace('sha256:', '');

test('twenty that ask at once get it unpacked once', async (t) => {
  const { store, fill } = layerRig(t);
  const layers = store();
  let times = 0;
  const counted = async (into: string) => {
    times += 1;
    await fill(one)(into);
  };
  await Promise.all(Array.from({ length: 20 }, () => layers.make(one.diffId, counted)));
  await layers.make(one.diffId, counted);
  assert.equal(times, 1);
  assert(layers.has(one.diffId));
  const [tree = ''] = layers.overlays(one.diffId);
  assert.equal(readFileSync(join(tree, 'one'), 'utf8'), '1');
});

test('when it fails, all who asked hear of it, and the next one tries again', async (t) => {
  const { base, store, fill } = layerRig(t);
  const layers = store();
  const failing = async (into: string) => {
    writeFileSync(join(into, 'half'), '');
    throw new Error('the registry went away');
  };
  const asked = await Promise.allSettled([layers.make(one.diffId, failing), layers.make(one.diffId, fill(one))]);
  assert.deepEqual(
    asked.map((result) => result.status === 'rejected' && result.reason.message),
    ['the registry went away', 'the registry went away'],
  );
  await layers.settled();
  assert.deepEqual(readdirSync(join(base, 'layers')), []);
  await layers.make(one.diffId, fill(one));
  assert(layers.has(one.diffId));
});

test('what was filled with something else is no layer', async (t) => {
  const { base, store } = layerRig(t);
  const layers = store();
  await assert.rejects(layers.make(one.diffId, async (into) => mkdirSync(join(into, 'tree'))));
  await layers.settled();
  assert.deepEqual(readdirSync(join(base, 'layers')), []);
});

test('the layer whose last use is longest ago goes first, when there is no room', async (t) => {
  const { store, fill } = layerRig(t);
  const layers = store(2 * bytes);
  for (const each of [one, two]) await layers.make(each.diffId, fill(each));
  await layers.make(one.diffId, fill(one)); // used again
  await layers.make(three.diffId, fill(three));
  assert.equal(layers.bytes, 3 * bytes, 'not before the next turn of the event loop');
  await layers.settled();
  assert.deepEqual(
    [one, two, three].map(({ diffId }) => layers.has(diffId)),
    [true, false, true],
  );
  assert.equal(layers.bytes, 2 * bytes);
});

test('what is retained stays, however little room there is, until the last one releases it', async (t) => {
  const { base, store, fill } = layerRig(t);
  const layers = store(0);
  for (const each of [one, two]) {
    await layers.make(each.diffId, fill(each));
    layers.retain(each.diffId);
  }
  layers.retain(one.diffId);
  await layers.make(three.diffId, fill(three));
  await layers.settled();
  assert.deepEqual(
    [one, two, three].map(({ diffId }) => layers.has(diffId)),
    [true, true, false],
  );
  layers.release(one.diffId);
  await layers.settled();
  assert(layers.has(one.diffId));
  layers.release(one.diffId);
  layers.retain(one.diffId); // in the same turn
  await setImmediate();
  assert(layers.has(one.diffId));
  layers.release(one.diffId);
  await layers.settled();
  assert.deepEqual(readdirSync(join(base, 'layers')), [hex(two.diffId)]);
  assert.throws(() => layers.retain(one.diffId), /not in the store/);
  assert.throws(() => layers.overlays(one.diffId), /not in the store/);
  layers.release(two.diffId);
  await layers.settled();
  assert.equal(layers.bytes, 0);
});

test('another worker takes over what is whole, in the order of its last use, and removes the rest', async (t) => {
  const { base, store, fill } = layerRig(t);
  const before = store();
  for (const each of [one, two, three]) await before.make(each.diffId, fill(each));
  before.retain(one.diffId);
  const dir = join(base, 'layers');
  for (const { diffId } of [two, three]) utimesSync(join(dir, hex(diffId)), 1000, 1000);
  before.release(one.diffId);
  mkdirSync(join(dir, 'tmp-left'));
  mkdirSync(join(dir, '0'.repeat(64)));
  mkdirSync(join(dir, 'of-somebody-else'));
  const after = store(bytes);
  assert(after.has(one.diffId) && !after.has(`sha256:${'0'.repeat(64)}`));
  await after.settled();
  assert.deepEqual(readdirSync(dir).sort(), [hex(one.diffId), 'of-somebody-else'].sort());
});

test('nobody but the worker’s user gets to the files', async (t) => {
  const { base, store, fill } = layerRig(t);
  await store().make(one.diffId, fill(one));
  assert.equal(statSync(join(base, 'layers')).mode & 0o777, 0o700);
});

test('a layer is named by a digest, never by a path', (t) => {
  const layers = layerRig(t).store();
  for (const name of [
    '../x',
    hex(one.diffId),
    `sha256:../${'0'.repeat(61)}`,
    `sha512:${'0'.repeat(64)}`,
    `sha256:${'0'.repeat(64)}\n`,
    '',
  ]) {
    assert.throws(() => layers.has(name), /no sha256 digest/);
    assert.throws(() => layers.make(name, async () => undefined), /no sha256 digest/);
  }
});

test('releasing what nobody retains is an error', async (t) => {
  const { store, fill } = layerRig(t);
  const layers = store();
  await layers.make(one.diffId, fill(one));
  assert.throws(() => layers.release(one.diffId), /not retained/);
});
