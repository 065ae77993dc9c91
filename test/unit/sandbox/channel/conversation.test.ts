// One request on a channel, seen from both of its ends: the test is the front end and the leaf.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Phases } from '../../../../src/observe/phases.ts';
import { Conversation } from '../../../../src/sandbox/channel/conversation.ts';
import { windowBytes } from '../../../../src/sandbox/channel/frames.ts';
import type { BodyRest, SandboxRequest } from '../../../../src/sandbox/sandbox.ts';

const none = { born: 0, sealed: 0, received: 0, loaded: 0, handled: 0 };
const type = { request: 3, body: 4, cancel: 7, window: 8 } as const;
const half = windowBytes / 2;

interface Sent {
  readonly type: number;
  readonly last: boolean;
  readonly payload: Buffer;
}

const pattern = Buffer.alloc(12 * windowBytes, Buffer.from(Array.from({ length: 251 }, (_, i) => i)));

class Rig {
  readonly sent: Sent[] = [];
  readonly interrupts: Sent[] = [];
  readonly complaints: string[] = [];
  /** What came back, in words. */
  readonly heard: string[] = [];
  readonly back: Buffer[] = [];
  feed: ((bytes: Uint8Array, last: boolean) => void) | undefined;
  paused = false;
  readonly conversation: Conversation;

  constructor(first: Uint8Array, streamed: boolean) {
    const rest: BodyRest = {
      read: (chunk) => (this.feed = chunk),
      pause: () => (this.paused = true),
      resume: () => (this.paused = false),
    };
    const request: SandboxRequest = {
      head: { id: 'id', method: 'POST', root: '/run/a', path: '', query: '', headers: [], client: '' },
      body: { first, rest: streamed ? rest : undefined },
      deadline: 0,
      phases: new Phases(performance.now()),
      loadOnly: false,
      answered: ({ status, reason = '', body }) => this.heard.push(`answered ${status}${reason} ${Buffer.from(body)}`),
      begun: ({ status, reason = '', headers }) => this.heard.push(`begun ${status}${reason} ${headers.join()}`),
      chunk: (bytes) => this.back.push(Buffer.from(bytes)),
      ended: () => this.heard.push('ended'),
      failed: (error) => this.heard.push(`failed ${error.code}`),
    };
    const parsed = (frame: Buffer): Sent => ({ type: frame[5] ?? 0, last: frame.readUInt16LE(6) === 1, payload: frame.subarray(12) });
    this.conversation = new Conversation(7, request, 'wake', {
      send: (frame) => this.sent.push(parsed(frame)),
      interrupt: (frame) => this.interrupts.push(parsed(frame)),
      misbehaves: (what) => this.complaints.push(what),
    });
    assert.ok(this.conversation.begin(false));
  }

  /** The bytes of the body that have been sent. */
  get body(): Buffer {
    return Buffer.concat(
      this.sent.map(({ type: t, payload }) => {
        if (t === type.body) return payload;
        return t === type.request ? payload.subarray(2 + payload.readUInt16LE(0)) : Buffer.alloc(0);
      }),
    );
  }

  get length(): number {
    return this.sent.reduce(
      (sum, { type: t, payload }) =>
        sum + (t === type.body ? payload.length : t === type.request ? payload.length - 2 - payload.readUInt16LE(0) : 0),
      0,
    );
  }

  get complete(): boolean {
    return this.sent.some(({ last }) => last);
  }
}

const rig = (first: Uint8Array = new Uint8Array(0), streamed = false) => new Rig(first, streamed);
const reply = (head: object) => Buffer.from(JSON.stringify(head));

test('a small request is one frame, and its answer one callback', () => {
  const { sent, heard, conversation } = rig(Buffer.from('{}'));
  conversation.onEnd(none, Buffer.from('42'));
  assert.deepEqual([sent.length, sent[0]?.last, heard], [1, true, ['answered 200 42']]);
});

test('a body as large as the window goes at once, one byte more waits for the window', () => {
  const whole = rig(Buffer.alloc(windowBytes));
  assert.ok(whole.complete);
  const more = rig(Buffer.alloc(windowBytes + 1, 'x'));
  assert.deepEqual([more.body.length, more.complete], [windowBytes, false]);
  more.conversation.onWindow(1);
  assert.deepEqual([more.body.length, more.complete], [windowBytes + 1, true]);
});

test('the rest of a body is asked for when the first has been sent, and the sender waits while the window is shut', () => {
  const r = rig(Buffer.alloc(windowBytes - 10), true);
  r.feed?.(Buffer.alloc(30, 'y'), false);
  assert.deepEqual([r.body.length, r.paused], [windowBytes, true]);
  r.feed?.(Buffer.alloc(5, 'z'), true); // was on its way
  r.conversation.onWindow(half);
  assert.deepEqual([r.body.length, r.paused, r.complete], [windowBytes + 25, true, true]);
});

test('an empty last chunk ends the body', () => {
  const r = rig(Buffer.from('a'), true);
  r.feed?.(new Uint8Array(0), true);
  assert.deepEqual([r.sent.length, r.complete, r.body.toString()], [2, true, 'a']);
});

test('any chunks arrive whole and in order, never more than a window ahead', () => {
  const chunks = fc.array(fc.integer({ min: 0, max: windowBytes }), { maxLength: 8 });
  fc.assert(
    fc.property(
      fc.nat(windowBytes * 2),
      chunks,
      fc.array(fc.integer({ min: half / 4, max: windowBytes }), { minLength: 1, maxLength: 5 }),
      (first, sizes, grants) => {
        const bytes = (size: number, from: number) => pattern.subarray(from % 251, (from % 251) + size);
        const r = rig(bytes(first, 0), true);
        let [given, granted, grantings] = [first, 0, 0];
        const grant = (): void => {
          const asked = grants[grantings++ % grants.length] ?? 1;
          const some = Math.min(asked, r.length - granted);
          if (some === 0) return;
          granted += some;
          r.conversation.onWindow(some);
        };
        for (let i = 0; i <= sizes.length; ) {
          if (r.feed === undefined || r.paused) grant();
          else {
            const size = sizes[i] ?? 0;
            r.feed(bytes(size, given), i === sizes.length);
            given += size;
            i++;
          }
          assert.ok(r.length - granted <= windowBytes);
        }
        while (!r.complete) grant();
        assert.ok(r.body.equals(pattern.subarray(0, given)));
        assert.deepEqual(r.complaints, []);
      },
    ),
    { numRuns: 50, endOnFailure: true },
  );
});

test('a leaf that grants more than was sent, or nothing, misbehaves', () => {
  for (const [bytes, more] of [
    [3, 4],
    [3, 0],
  ] as const) {
    const r = rig(Buffer.alloc(bytes));
    r.conversation.onWindow(more);
    assert.deepEqual(r.complaints, ['a window larger than there is']);
  }
});

test('a reply streams: its head with the first chunk, the leaf may go on as its bytes are used', () => {
  const r = rig();
  r.conversation.onReply(none, reply({ status: 201, reason: ' Made', headers: [['a', 'b']] }));
  assert.deepEqual(r.heard, []);
  r.conversation.onBody(Buffer.from('one'));
  assert.deepEqual([r.heard, r.back.join()], [['begun 201 Made a,b'], 'one']);
  r.conversation.used(half - 1);
  assert.equal(r.sent.length, 1);
  r.conversation.used(1);
  assert.deepEqual([r.sent[1]?.type, r.sent[1]?.payload.readUInt32LE(0)], [type.window, half]);
  r.conversation.onEnd(none, Buffer.from('two'));
  assert.deepEqual([r.heard.at(-1), r.back.join()], ['ended', 'one,two']);
});

test('a reply with a head and no chunk is whole', () => {
  const r = rig();
  r.conversation.onReply(none, reply({ status: 404, reason: ' None', headers: [] }));
  r.conversation.onEnd(none, Buffer.from('no'));
  assert.deepEqual(r.heard, ['answered 404 None no']);
});

test('more of a reply than the window allows is not taken', () => {
  const streamed = rig();
  streamed.conversation.onBody(Buffer.alloc(windowBytes));
  streamed.conversation.onBody(Buffer.alloc(1));
  const whole = rig();
  whole.conversation.onEnd(none, Buffer.alloc(windowBytes + 1));
  assert.deepEqual(
    [streamed.complaints, whole.complaints],
    [['more of a reply than was asked for'], ['more of a reply than was asked for']],
  );
  assert.deepEqual(whole.heard, ['failed reply-invalid']);
});

test('what is no head, or a second one, or one after the body, is no reply', () => {
  const heads = ['', '[]', '1', '{"status":"200"}', '{"status":99}', '{"status":600}', '{"status":200.5}', '{"error":"internal"}'];
  for (const head of heads) {
    const r = rig();
    r.conversation.onReply(none, Buffer.from(head));
    assert.deepEqual(r.complaints, ['a reply with an invalid head'], head);
  }
  const twice = rig();
  twice.conversation.onReply(none, reply({}));
  twice.conversation.onReply(none, reply({}));
  const late = rig();
  late.conversation.onBody(Buffer.from('x'));
  late.conversation.onReply(none, reply({}));
  assert.deepEqual([twice.complaints, late.complaints], [['a reply that begins twice'], ['a reply that begins twice']]);
});

test('a cancelled request: the leaf is interrupted once, its reply is dropped and does not hold it up, its end still comes', () => {
  const r = rig(Buffer.alloc(windowBytes + 5));
  r.conversation.cancel();
  r.conversation.cancel();
  assert.deepEqual(
    r.interrupts.map((frame) => frame.type),
    [type.cancel],
  );
  r.conversation.onBody(Buffer.alloc(half));
  assert.equal(r.sent.at(-1)?.type, type.window);
  r.conversation.onWindow(100);
  assert.equal(r.complete, false);
  r.conversation.onEnd(none, Buffer.alloc(0));
  assert.deepEqual([r.back, r.heard], [[], ['answered 200 ']]);
});

test('after its end nothing is sent any more', () => {
  const r = rig(Buffer.from('a'), true);
  r.conversation.onEnd(none, Buffer.alloc(0));
  r.feed?.(Buffer.from('b'), true);
  r.conversation.used(windowBytes);
  r.conversation.cancel();
  assert.deepEqual([r.sent.length, r.interrupts.length], [1, 0]);
});

test('what a handler raises comes with its words; a reply that breaks off fails', () => {
  const raised = rig();
  raised.conversation.onReply(none, reply({ status: 500, error: 'handler-raised' }));
  raised.conversation.onEnd(none, Buffer.from('Traceback'));
  const broken = rig();
  broken.conversation.onBody(Buffer.from('x'));
  broken.conversation.onBroken();
  assert.deepEqual([raised.heard, broken.heard.at(-1)], [['failed handler-raised'], 'failed handler-raised']);
});
