import assert from 'node:assert/strict';
import test from 'node:test';
import { distance, nearest } from '../../../src/config/nearest.ts';

const distances: readonly (readonly [a: string, b: string, edits: number])[] = [
  ['', '', 0],
  ['', 'abc', 3],
  ['abc', '', 3],
  ['port', 'port', 0],
  ['prot', 'port', 1],
  ['por', 'port', 1],
  ['kitten', 'sitting', 3],
  ['ca', 'abc', 3],
];
for (const [a, b, edits] of distances) {
  test(`from "${a}" to "${b}" are ${edits} edits`, () => assert.equal(distance(a, b), edits));
}

test('the nearest word is found whatever its case, and none when all are far', () => {
  const words = ['worker_port', 'worker_url', 'Pkgs_dir'];
  assert.equal(nearest('workerport', words), 'worker_port');
  assert.equal(nearest('pkgs-dir', words), 'Pkgs_dir');
  assert.equal(nearest('colour', words), undefined);
});
