import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  bodyFrame,
  cancelFrame,
  headText,
  readTiming,
  requestFrame,
  setupFrame,
  type Timing,
  windowFrame,
} from '../../../../src/sandbox/channel/frames.ts';
import type { RequestHead } from '../../../../src/sandbox/sandbox.ts';

/** Between two other bytes, as the addon hands it over in a larger buffer. */
function timing(payload: Buffer): Timing {
  const received = Buffer.concat([Buffer.from('>'), payload, Buffer.from('<')]);
  return readTiming(new DataView(received.buffer, received.byteOffset, received.length), 1);
}

interface Parsed {
  readonly type: number;
  readonly flags: number;
  readonly number: number;
  readonly payload: Buffer;
}

/** As native/core/wire.h has it: length, version, type, flags, request. */
function parse(bytes: Buffer): Parsed {
  assert.equal(bytes.readUInt32LE(0), bytes.length - 12, 'length');
  assert.equal(bytes[4], 2, 'version');
  return { type: bytes[5] ?? -1, flags: bytes.readUInt16LE(6), number: bytes.readUInt32LE(8), payload: bytes.subarray(12) };
}

const head: RequestHead = { id: 'id-1', method: 'GET', root: '/run/a', path: '/b', query: 'c=d', headers: [['x', 'y']], client: '::1' };

test('a request is its head and its body, with a flag for each that it has', () => {
  fc.assert(
    fc.property(fc.nat(0xffff_ffff), fc.uint8Array({ maxLength: 5000 }), fc.boolean(), fc.boolean(), (number, body, last, loadOnly) => {
      const parsed = parse(requestFrame({ number, head: '{"id":"ü"}', body, last, loadOnly }));
      assert.deepEqual([parsed.type, parsed.number, parsed.flags], [3, number, (last ? 1 : 0) + (loadOnly ? 2 : 0)]);
      const bodyAt = 2 + parsed.payload.readUInt16LE(0);
      assert.equal(parsed.payload.subarray(2, bodyAt).toString(), '{"id":"ü"}');
      assert.ok(parsed.payload.subarray(bodyAt).equals(body));
    }),
  );
});

test('a head is JSON, with the deadline on the clock of the kernel', () => {
  const before = Number(process.hrtime.bigint()) / 1e6;
  const { deadline, ...rest } = JSON.parse(headText(head, performance.now() + 1000) ?? '') as RequestHead & { deadline: number };
  assert.deepEqual(rest, head);
  assert.ok(deadline >= before + 999 && deadline < before + 10_000, `${deadline} is not about 1000 after ${before}`);
});

test('a time of a sandbox lies between those of the worker around it, to 2 us', () => {
  for (let i = 0; i < 1000; i++) {
    const payload = Buffer.alloc(40);
    const before = performance.now();
    payload.writeBigUInt64LE(process.hrtime.bigint(), 16);
    const after = performance.now();
    const { received } = timing(payload);
    assert.ok(received > before - 0.002 && received < after + 0.002, `${received} is not from ${before} to ${after}`);
  }
});

test('a head is at most as long as a frame can tell, in bytes', () => {
  const long = (value: string) => headText({ ...head, headers: [['x', value]] }, 0) !== undefined;
  assert.deepEqual(
    [long('a'.repeat(65_000)), long('a'.repeat(66_000)), long('é'.repeat(32_000)), long('é'.repeat(33_000))],
    [true, false, true, false],
  );
});

test('the other frames', () => {
  const body = Buffer.from('abc');
  assert.deepEqual(parse(bodyFrame(3, body, false)), { type: 4, flags: 0, number: 3, payload: body });
  assert.deepEqual(parse(bodyFrame(3, Buffer.alloc(0), true)), { type: 4, flags: 1, number: 3, payload: Buffer.alloc(0) });
  assert.deepEqual(parse(windowFrame(3, 0x01020304)), { type: 8, flags: 0, number: 3, payload: Buffer.from([4, 3, 2, 1]) });
  assert.deepEqual(parse(cancelFrame(3)), { type: 7, flags: 0, number: 3, payload: Buffer.alloc(0) });
  assert.deepEqual(parse(setupFrame({ a: 1 })), { type: 10, flags: 0, number: 0, payload: Buffer.from('{"a":1}') });
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
