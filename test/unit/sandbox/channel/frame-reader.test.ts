import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { FrameReader } from '../../../../src/sandbox/channel/frame-reader.ts';

interface Heard {
  readonly type: number;
  readonly number: number;
  readonly payload: string;
}

function frame(type: number, number: number, payload: Buffer, { flags = 0, version = 2, length = payload.length } = {}): Buffer {
  const head = Buffer.alloc(12);
  head.writeUInt32LE(length, 0);
  head[4] = version;
  head[5] = type;
  head.writeUInt16LE(flags, 6);
  head.writeUInt32LE(number, 8);
  return Buffer.concat([head, payload]);
}

function listener(): { heard: Heard[]; reader: FrameReader } {
  const heard: Heard[] = [];
  const reader = new FrameReader((received, type, number, offset, length) =>
    heard.push({ type, number, payload: received.copy(offset, length).toString('latin1') }),
  );
  return { heard, reader };
}

const body = fc.uint8Array({ minLength: 1, maxLength: 300 }).map((bytes) => Buffer.from(bytes));

test('frames come out as they were put in, however their bytes are cut', () => {
  fc.assert(
    fc.property(fc.array(body, { maxLength: 10 }), fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1 }), (bodies, cuts) => {
      const { heard, reader } = listener();
      const all = Buffer.concat(bodies.map((payload, i) => frame(4, i + 1, payload)));
      for (let at = 0, i = 0; at < all.length; i++) {
        const size = cuts[i % cuts.length] ?? 1;
        assert.ok(reader.feed(all.subarray(at, at + size)));
        at += size;
      }
      assert.deepEqual(
        heard,
        bodies.map((payload, i) => ({ type: 4, number: i + 1, payload: payload.toString('latin1') })),
      );
    }),
  );
});

const timing = Buffer.alloc(40);
const good: readonly (readonly [what: string, bytes: Buffer, type: number])[] = [
  ['ready', frame(1, 0, Buffer.alloc(0)), 1],
  ['an end', frame(5, 1, timing), 5],
  ['a broken end', frame(5, 1, timing, { flags: 1 }), 5 | 256],
  ['an end that asks for no more heads', frame(5, 1, Buffer.concat([timing, Buffer.from('1')]), { flags: 2 }), 5 | 512],
  ['a reply', frame(6, 1, Buffer.concat([timing, Buffer.from('{}')])), 6],
  ['a window', frame(8, 1, Buffer.alloc(4)), 8],
  ['a log line', frame(9, 1, Buffer.from('\x03a')), 9],
];
for (const [what, bytes, type] of good) {
  test(`${what} is a frame`, () => {
    const { heard, reader } = listener();
    assert.ok(reader.feed(bytes));
    assert.deepEqual(
      heard.map((h) => h.type),
      [type],
    );
  });
}

const bad: readonly (readonly [what: string, bytes: Buffer])[] = [
  ['another version', frame(1, 0, Buffer.alloc(0), { version: 3 })],
  ['ready with a payload', frame(1, 0, Buffer.from('x'))],
  ['an end without a timing', frame(5, 1, Buffer.alloc(39))],
  ['a broken end with a body', frame(5, 1, Buffer.alloc(41), { flags: 1 })],
  ['an end with an unknown flag', frame(5, 1, timing, { flags: 4 })],
  ['an empty body', frame(4, 1, Buffer.alloc(0))],
  ['a body over a window', frame(4, 1, Buffer.alloc(0), { length: (1 << 18) + 1 })],
  ['an end over the longest payload', frame(5, 1, Buffer.alloc(0), { length: (1 << 20) + 1 })],
  ['a window of the wrong size', frame(8, 1, Buffer.alloc(8))],
  ['a log line that is too long', frame(9, 1, Buffer.alloc(0), { length: (1 << 14) + 2 })],
  ['what only the worker sends', frame(3, 1, Buffer.from('xx'))],
  ['a type that does not exist', frame(77, 1, Buffer.from('xx'))],
];
for (const [what, bytes] of bad) {
  test(`${what} is none, and is refused before its payload has come`, () => {
    const { heard, reader } = listener();
    assert.equal(reader.feed(bytes.subarray(0, 12)), false);
    assert.deepEqual(heard, []);
  });
}

test('after what is no frame nothing is heard, neither anew nor again', () => {
  const { heard, reader } = listener();
  const ready = frame(1, 0, Buffer.alloc(0));
  assert.equal(reader.feed(Buffer.concat([ready, Buffer.alloc(12)])), false);
  for (let i = 0; i < 2; i++) assert.equal(reader.feed(ready), false);
  assert.equal(heard.length, 1);
});
