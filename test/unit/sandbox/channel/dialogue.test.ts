// What a dialogue remembers from one request to the next.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Phases } from '../../../../src/observe/phases.ts';
import { Dialogue } from '../../../../src/sandbox/channel/dialogue.ts';
import { frameType, timingBytes } from '../../../../src/sandbox/channel/frames.ts';
import { Received } from '../../../../src/sandbox/channel/received.ts';
import type { SandboxRequest } from '../../../../src/sandbox/sandbox.ts';

const heads: string[] = [];
const request: SandboxRequest = {
  head: { id: 'id', method: 'POST', root: '/run/a', path: '', query: '', headers: [], client: '' },
  body: { first: new Uint8Array(0), rest: undefined },
  deadline: 0,
  phases: new Phases(0),
  loadOnly: false,
  answered: () => {},
  begun: () => {},
  chunk: () => {},
  ended: () => {},
  failed: () => {},
};

const dialogueOf = (send: (frame: Buffer) => void, misbehaves = (what: string): void => assert.fail(what)): Dialogue =>
  new Dialogue({
    spec: undefined,
    send,
    interrupt: () => {},
    misbehaves,
    ready: () => {},
    firstAnswered: () => {},
  });

test('a sandbox says in its first request that it takes bodies as they come', () => {
  const dialogue = dialogueOf(() => {});
  const said: string[] = [];
  dialogue.begin({ ...request, streams: () => said.push('streams'), answered: () => said.push('answered') }, 'wake');
  dialogue.onFrame(new Received(Buffer.alloc(0)), frameType.ready, 1, 0, 0);
  dialogue.onFrame(new Received(Buffer.alloc(timingBytes)), frameType.end, 1, 0, timingBytes);
  assert.deepEqual(said, ['streams', 'answered']);
});

test('it says so once', () => {
  const complaints: string[] = [];
  const dialogue = dialogueOf(
    () => {},
    (what) => void complaints.push(what),
  );
  dialogue.begin(request, 'wake');
  for (let i = 0; i < 2; i++) dialogue.onFrame(new Received(Buffer.alloc(0)), frameType.ready, 1, 0, 0);
  assert.deepEqual(complaints, ['a frame out of its order']);
});

test('requests have heads until the sandbox says that it has no use for them', () => {
  const dialogue = dialogueOf((frame) => heads.push(frame.toString('utf8', 14, 14 + frame.readUInt16LE(12))));
  const ends = [frameType.end, frameType.headless, frameType.end, frameType.end];
  ends.forEach((type, i) => {
    dialogue.begin(request, 'wake');
    dialogue.onFrame(new Received(Buffer.alloc(timingBytes)), type, i + 1, 0, timingBytes);
  });
  assert.deepEqual(
    heads.map((head) => head !== ''),
    [true, true, false, false],
  );
});
