// The frames of a channel, as JavaScript writes and reads them; native/core/wire.h has the layout.

const version = 1;
const type = { request: 3, body: 4 } as const;
const last = 1;
const headBytes = 12;
const maxPayload = 1 << 20;
/** The timing at the beginning of a frame that ends a reply; what follows is the last of the body. */
export const timingBytes = 40;

/** All frames of one request in one buffer. `number` counts the requests of a channel; `requestId` must be plain visible ASCII. */
export function requestFrames(number: number, requestId: string, body: Uint8Array): Buffer {
  const head = `{"id":${JSON.stringify(requestId)}}`;
  const first = Math.min(body.length, maxPayload - 2 - head.length);
  const more = Math.ceil((body.length - first) / maxPayload);
  const out = Buffer.allocUnsafe(headBytes * (1 + more) + 2 + head.length + body.length);
  let at = putHead(out, 0, 2 + head.length + first, type.request, more === 0 ? last : 0, number);
  at = out.writeUInt16LE(head.length, at);
  at += out.write(head, at, 'latin1');
  out.set(first === body.length ? body : body.subarray(0, first), at);
  at += first;
  for (let from = first; from < body.length; from += maxPayload) {
    const chunk = body.subarray(from, from + maxPayload);
    at = putHead(out, at, chunk.length, type.body, from + maxPayload >= body.length ? last : 0, number);
    out.set(chunk, at);
    at += chunk.length;
  }
  return out;
}

function putHead(out: Buffer, at: number, length: number, frame: number, flags: number, number: number): number {
  out.writeUInt32LE(length, at);
  out[at + 4] = version;
  out[at + 5] = frame;
  out.writeUInt16LE(flags, at + 6);
  out.writeUInt32LE(number, at + 8);
  return at + headBytes;
}

/** When the leaf did what, milliseconds on the clock of performance.now(); 0 for what did not happen in this request. */
export interface Timing {
  readonly born: number;
  readonly sealed: number;
  readonly received: number;
  readonly loaded: number;
  readonly handled: number;
}

// CLOCK_MONOTONIC at performance.now() === 0, in ms.
const origin = Number(process.hrtime.bigint()) / 1e6 - performance.now();

/** Reads the timing at the beginning of a frame that ends a reply. The addon has seen to it that the frame is long enough. */
export function readTiming(received: DataView, at: number): Timing {
  const ms = (offset: number): number => {
    const ns = received.getUint32(at + offset, true) + received.getUint32(at + offset + 4, true) * 0x1_0000_0000;
    return ns === 0 ? 0 : ns / 1e6 - origin;
  };
  return { born: ms(0), sealed: ms(8), received: ms(16), loaded: ms(24), handled: ms(32) };
}
