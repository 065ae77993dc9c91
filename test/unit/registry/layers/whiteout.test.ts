import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { whiteoutOf } from '../../../../src/registry/layers/whiteout.ts';

describe('the name of a member says what it hides', () => {
  for (const [path, hides, what] of [
    ['.wh.a', 'one', 'a'],
    ['a/b/.wh.c', 'one', 'a/b/c'],
    ['a/.wh...c', 'one', 'a/..c'],
    ['a/.wh.whatever', 'one', 'a/whatever'],
    ['a/.wh..wh..opq', 'all', 'a'],
    ['a/b/.wh..wh..opq', 'all', 'a/b'],
  ] as const) {
    test(path, () => assert.deepEqual(whiteoutOf(path), { hides, path: what }));
  }
});

describe('an ordinary name hides nothing', () => {
  for (const path of ['', 'a', '.wh', 'a.wh.b', 'a/x.wh.b', '.wha/b', 'a/.wh']) {
    test(path, () => assert.equal(whiteoutOf(path), undefined));
  }
});

describe('a name is refused that', () => {
  for (const [what, path, message] of [
    ['hides nothing', 'a/.wh.', /whiteout of no name/],
    ['hides "."', 'a/.wh..', /whiteout of no name/],
    ['hides ".."', 'a/.wh...', /whiteout of no name/],
    ['hides what is above the root', '.wh...', /whiteout of no name/],
    ['hides a whiteout', 'a/.wh..wh.b', /kept for whiteouts/],
    ['is of another tool', '.wh..wh.plnk', /kept for whiteouts/],
    ['is below a whiteout', '.wh.a/b', /below a whiteout/],
    ['is below an opaque marker', 'a/.wh..wh..opq/b', /below a whiteout/],
    ['hides everything', '.wh..wh..opq', /hides all layers below it/],
  ] as const) {
    test(what, () => assert.throws(() => whiteoutOf(path), { name: 'Refusal', message }));
  }
});
