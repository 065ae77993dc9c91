// The frames of a channel, as JavaScript writes and reads them; native/core/wire.h has the layout.

const version = 1;
const type = { request: 3, body: 4, end: 5 } as const;
const headBytes = 12;
const maxPayload = 1 << 20;

/** All frames of one request in one buffer. `number` counts the requests of a channel; `requestId` must be plain visible ASCII. */
export function requestFrames(number: number, requestId: string, body: Uint8Array): Buffer {
  const head = `{"id":${JSON.stringify(requestId)}}`;
  const bodies = Math.ceil(body.length / maxPayload);
  const out = Buffer.allocUnsafe(headBytes * (2 + bodies) + head.length + body.length);
  let at = putHead(out, 0, head.length, type.request, number);
  at += out.write(head, at, 'latin1');
  for (let from = 0; from < body.length; from += maxPayload) {
    const chunk = body.subarray(from, from + maxPayload);
    at = putHead(out, at, chunk.length, type.body, number);
    out.set(chunk, at);
    at += chunk.length;
  }
  putHead(out, at, 0, type.end, number);
  return out;
}

function putHead(out: Buffer, at: number, length: number, frame: number, number: number): number {
  out.writeUInt32LE(length, at);
  out[at + 4] = version;
  out[at + 5] = frame;
  out[at + 6] = 0;
  out[at + 7] = 0;
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

export function timing(payload: Buffer): Timing {
  const ms = (at: number): number => {
    const ns = payload.readUInt32LE(at) + payload.readUInt32LE(at + 4) * 0x1_0000_0000;
    return ns === 0 ? 0 : ns / 1e6 - origin;
  };
  return { born: ms(0), sealed: ms(8), received: ms(16), loaded: ms(24), handled: ms(32) };
}
