import assert from 'node:assert/strict';
import { test } from 'node:test';
import { progressBar } from '../../../src/cli/progress-bar.ts';
import { isImage } from '../../../src/cli/pull-image.ts';
import type { PullProgress } from '../../../src/registry/oci/progress.ts';

const at = (state: PullProgress['at'], layers: number, bytes: number): PullProgress => ({
  image: 'h.io/app:1',
  at: state,
  layers: { done: layers, of: 2 },
  bytes: { done: bytes, of: 4_000_000 },
});
const all = [
  at('looking', 0, 0),
  at('pulling', 0, 0),
  at('pulling', 0, 1_000_000),
  at('pulling', 1, 2_000_000),
  at('pulling', 2, 4_000_000),
  at('done', 2, 4_000_000),
];

function shown(
  terminal: { readonly isTTY?: boolean; readonly columns?: number },
  progresses: readonly PullProgress[],
  everyMs = 1000,
): string {
  let text = '';
  let now = 0;
  const show = progressBar({ ...terminal, write: (more) => (text += more) }, () => (now += everyMs));
  progresses.forEach(show);
  return text;
}

test('without a terminal there is a line for each step', () => {
  assert.equal(
    shown({}, all),
    [
      'h.io/app:1: looking it up',
      'h.io/app:1: 0 of 2 layers, 0.0 of 4.0 MB',
      'h.io/app:1: 1 of 2 layers, 2.0 of 4.0 MB',
      'h.io/app:1: 2 of 2 layers, 4.0 of 4.0 MB',
      'h.io/app:1: it is on the node\n',
    ].join('\n'),
  );
});

test('on a terminal there is a bar, in one line that is as long as fits', () => {
  const lines = shown({ isTTY: true, columns: 50 }, all).split('\r\x1b[K').slice(1);
  assert.equal(lines[2], `h.io/app:1 [${'#'.repeat(6)}${'-'.repeat(18)}] 0 of 2 laye`);
  assert.equal(lines.at(-1), `h.io/app:1 [${'#'.repeat(24)}] 2 of 2 laye\n`);
  assert.ok(lines.every((line) => line.trimEnd().length < 50));
});

test('a bar is not drawn more often than anybody sees, but its end always', () => {
  const lines = shown({ isTTY: true }, all, 1).split('\r\x1b[K').slice(1);
  assert.equal(lines.length, 2);
});

test('what fails ends the line, and is told by whoever pulls', () => {
  const failed = { ...at('failed', 1, 5), error: 'no such image' };
  assert.equal(shown({}, [failed]), '');
  assert.equal(shown({ isTTY: true }, [failed]), `\r\x1b[Kh.io/app:1 [${'-'.repeat(24)}] \n`);
});

test('an image is told from a lambda by what no lambda’s name has', () => {
  for (const name of ['h.io/app', 'app:1', 'app@sha256:x', 'oci:/x', 'oci://h.io/app', 'docker-archive:/x']) assert.ok(isImage(name), name);
  for (const name of ['hello', 'a.b_c-d']) assert.ok(!isImage(name), name);
});
