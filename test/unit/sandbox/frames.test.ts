import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { readTiming, requestFrames, type Timing } from '../../../src/sandbox/sock/frames.ts';

const mib = 1 << 20;

interface Request {
  readonly types: readonly number[];
  readonly numbers: ReadonlySet<number>;
  /** Lengths of the payloads. */
  readonly lengths: readonly number[];
  /** Which frames say that they are the last. */
  readonly last: readonly boolean[];
  readonly head: unknown;
  readonly body: Buffer;
}

/** Between two other bytes, as the addon hands it over in a larger buffer. */
function timing(payload: Buffer): Timing {
  const received = Buffer.concat([Buffer.from('>'), payload, Buffer.from('<')]);
  return readTiming(new DataView(received.buffer, received.byteOffset, received.length), 1);
}

/** As native/core/wire.h has it: length, version, type, flags, request; the first payload begins with the length of the head. */
function parse(bytes: Buffer): Request {
  const [types, numbers, lengths, last, payloads]: [number[], Set<number>, number[], boolean[], Buffer[]] = [[], new Set(), [], [], []];
  for (let at = 0; at < bytes.length; ) {
    const length = bytes.readUInt32LE(at);
    assert.equal(bytes[at + 4], 1, 'version');
    types.push(bytes[at + 5] ?? -1);
    last.push(bytes.readUInt16LE(at + 6) === 1);
    numbers.add(bytes.readUInt32LE(at + 8));
    lengths.push(length);
    payloads.push(bytes.subarray(at + 12, at + 12 + length));
    at += 12 + length;
  }
  const payload = Buffer.concat(payloads);
  const bodyAt = 2 + payload.readUInt16LE(0);
  const head: unknown = JSON.parse(payload.subarray(2, bodyAt).toString());
  return { types, numbers, lengths, last, head, body: payload.subarray(bodyAt) };
}

test('a small request is one frame', () => {
  for (const body of [Buffer.alloc(0), Buffer.from('{}')]) {
    const { types, numbers, last, head, body: parsed } = parse(requestFrames(7, 'id-1', body));
    assert.deepEqual([types, [...numbers], last, head], [[3], [7], [true], { id: 'id-1' }]);
    assert.deepEqual(parsed, body);
  }
});

test('a request id with quotes and backslashes arrives as it is', () => {
  assert.deepEqual(parse(requestFrames(1, 'a"b\\c', new Uint8Array(0))).head, { id: 'a"b\\c' });
});

test('a large body goes on in frames of at most 1 MiB, of which the last one says so', () => {
  const head = 2 + '{"id":"id"}'.length;
  for (const [size, frames] of [
    [mib - head, 1],
    [mib - head + 1, 2],
    [mib, 2],
    [2 * mib - head, 2],
    [2 * mib - head + 1, 3],
    [8 * mib, 9],
  ] as const) {
    const body = Buffer.alloc(size, 'x');
    const parsed = parse(requestFrames(1, 'id', body));
    assert.deepEqual(parsed.types, [3, ...Array<number>(frames - 1).fill(4)], `${size}`);
    assert.deepEqual(parsed.last, [...Array<boolean>(frames - 1).fill(false), true]);
    assert.ok(parsed.lengths.every((length) => length > 0 && length <= mib));
    assert.ok(parsed.body.equals(body));
  }
});

test('any number and body come out as they went in', () => {
  fc.assert(
    fc.property(fc.nat(0xffff_ffff), fc.uint8Array({ maxLength: 5000 }), (number, body) => {
      const parsed = parse(requestFrames(number, 'id', body));
      assert.deepEqual([...parsed.numbers], [number]);
      assert.ok(parsed.body.equals(body));
    }),
  );
});

test('times of the leaf are on the clock of performance.now()', () => {
  const payload = Buffer.alloc(40);
  const before = performance.now();
  payload.writeBigUInt64LE(process.hrtime.bigint(), 16);
  const { born, sealed, received, loaded, handled } = timing(payload);
  assert.ok(received >= before - 1 && received <= performance.now() + 1, `${received} is not about ${before}`);
  assert.deepEqual([born, sealed, loaded, handled], [0, 0, 0, 0]);
});

test('times beyond 32 bits of nanoseconds keep their microseconds', () => {
  const payload = Buffer.alloc(40);
  const day = 86_400_000_000_000n;
  payload.writeBigUInt64LE(day, 0);
  payload.writeBigUInt64LE(day + 1_500_000n, 8);
  const { born, sealed } = timing(payload);
  assert.ok(Math.abs(sealed - born - 1.5) < 0.001);
});
