// One sandbox on sock, between its process and its lambda: the test is both.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Received } from '../../../../src/sandbox/channel/received.ts';
import { Leaf } from '../../../../src/sandbox/sock/leaf.ts';
import type { Slot } from '../../../../src/sandbox/zygote/slots.ts';

const frameOfNobody = { type: 9, number: 7 };

/** An idle one, and what becomes of it. */
function idle(): { leaf: Leaf; heard: string[]; misbehave: () => void } {
  const heard: string[] = [];
  const owner = { gone: () => heard.push('gone'), started: () => {}, oomKilled: () => false };
  const leaf = new Leaf('1', 'forked', owner, new Received(new Uint8Array(64)));
  leaf.adopt({
    lambda: 'l',
    code: { digest: '', dir: '' },
    cold: undefined,
    environment: {},
    entry: {},
    concurrency: 1,
    limits: undefined,
    zygote: false,
    onLine: () => {},
    onDeath: () => heard.push('death'),
  });
  const process = { write: () => true, interrupt: () => {}, attach: () => true, kill: () => heard.push('kill') };
  leaf.begin(process, {} as Slot, undefined);
  return { leaf, heard, misbehave: () => leaf.handlers.onFrame(frameOfNobody.type, frameOfNobody.number, 0, 4) };
}

test('one that misbehaves while it is idle is dead for its lambda at once, and only once', () => {
  const { leaf, heard, misbehave } = idle();
  misbehave();
  assert.deepEqual(heard, ['kill', 'death']);
  misbehave();
  leaf.handlers.onExit(-1, 9, 'killed by the worker');
  assert.deepEqual(heard, ['kill', 'death', 'gone']);
});

test("what one does after it was told to end is nobody's death", () => {
  const { leaf, heard, misbehave } = idle();
  void leaf.close();
  misbehave();
  leaf.handlers.onExit(-1, 9, 'killed by the worker');
  assert.deepEqual(heard, ['kill', 'gone']);
});
