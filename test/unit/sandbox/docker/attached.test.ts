import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Attached } from '../../../../src/sandbox/docker/attached.ts';

function piece(stream: 1 | 2, text: string): Buffer {
  const head = Buffer.from([stream, 0, 0, 0, 0, 0, 0, 0]);
  head.writeUInt32BE(Buffer.byteLength(text), 4);
  return Buffer.concat([head, Buffer.from(text)]);
}

test('each stream is what was written to it, in its order, however the bytes are cut', () => {
  const pieces = fc.array(fc.tuple(fc.constantFrom<1 | 2>(1, 2), fc.string({ maxLength: 40 })), { maxLength: 12 });
  fc.assert(
    fc.property(pieces, fc.integer({ min: 1, max: 50 }), (written, cut) => {
      const heard = { 1: '', 2: '' };
      const attached = new Attached((stream, bytes) => (heard[stream] += bytes.toString('latin1')));
      const all = Buffer.concat(written.map(([stream, text]) => piece(stream, text)));
      for (let at = 0; at < all.length; at += cut) attached.feed(all.subarray(at, at + cut));
      for (const stream of [1, 2] as const) {
        const whole = written.filter(([to]) => to === stream).map(([, text]) => text);
        assert.equal(heard[stream], Buffer.from(whole.join('')).toString('latin1'));
      }
    }),
  );
});
