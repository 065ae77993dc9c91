// The frames of a channel, as JavaScript writes and reads them; native/core/wire.h has the layout.
import type { RequestHead } from '../sandbox.ts';
import { clockZero } from './clock.ts';

export const version = 2;
const type = { request: 3, body: 4, cancel: 7, window: 8, setup: 10 } as const;
/** The kinds of frame that a sandbox sends (native/core/wire.h); `broken` and `headless` are ends with the flag for it. */
export const frameType = { ready: 1, body: 4, end: 5, broken: 5 | (1 << 8), headless: 5 | (2 << 8), reply: 6, window: 8, log: 9 } as const;
const flag = { last: 1, loadOnly: 2 } as const;
export const headBytes = 12;
/** Bytes of a body that may be under way. */
export const windowBytes = 1 << 18;
/** The timing at the beginning of a frame that begins or ends a reply; what follows is the reply's. */
export const timingBytes = 40;
const longestHead = 0xffff;

export interface RequestFrame {
  /** Counts the requests of a channel. */
  readonly number: number;
  /** JSON, or '' for a sandbox that has no use for it. */
  readonly head: string;
  /** At most a window. */
  readonly body: Uint8Array;
  readonly last: boolean;
  readonly loadOnly: boolean;
}

/** What a lambda is told of its request; `deadline` in milliseconds of performance.now(). Undefined when it is longer than a frame can tell. */
export function headText({ id, method, root, path, query, headers, client }: RequestHead, deadline: number): string | undefined {
  // No spread: of one the engine makes a new hidden class each time, which lives until the old generation is collected.
  const text = JSON.stringify({ id, method, root, path, query, headers, client, deadline: deadline + clockZero });
  return text.length * 3 <= longestHead || Buffer.byteLength(text) <= longestHead ? text : undefined;
}

export function requestFrame({ number, head, body, last, loadOnly }: RequestFrame): Buffer {
  const size = Buffer.byteLength(head);
  const out = Buffer.allocUnsafe(headBytes + 2 + size + body.length);
  const flags = (last ? flag.last : 0) | (loadOnly ? flag.loadOnly : 0);
  let at = putHead(out, 2 + size + body.length, type.request, flags, number);
  at = out.writeUInt16LE(size, at);
  at += out.write(head, at);
  out.set(body, at);
  return out;
}

export function bodyFrame(number: number, body: Uint8Array, last: boolean): Buffer {
  const out = Buffer.allocUnsafe(headBytes + body.length);
  out.set(body, putHead(out, body.length, type.body, last ? flag.last : 0, number));
  return out;
}

export function windowFrame(number: number, bytes: number): Buffer {
  const out = Buffer.allocUnsafe(headBytes + 4);
  out.writeUInt32LE(bytes, putHead(out, 4, type.window, 0, number));
  return out;
}

export function cancelFrame(number: number): Buffer {
  const out = Buffer.allocUnsafe(headBytes);
  putHead(out, 0, type.cancel, 0, number);
  return out;
}

export function setupFrame(setup: object): Buffer {
  const body = Buffer.from(JSON.stringify(setup));
  const out = Buffer.allocUnsafe(headBytes + body.length);
  out.set(body, putHead(out, body.length, type.setup, 0, 0));
  return out;
}

function putHead(out: Buffer, length: number, frame: number, flags: number, number: number): number {
  out.writeUInt32LE(length, 0);
  out[4] = version;
  out[5] = frame;
  out.writeUInt16LE(flags, 6);
  out.writeUInt32LE(number, 8);
  return headBytes;
}

/** When the leaf did what, milliseconds on the clock of performance.now(); 0 for what did not happen in this request. */
export interface Timing {
  readonly born: number;
  readonly sealed: number;
  readonly received: number;
  readonly loaded: number;
  readonly handled: number;
}

/** Reads the timing at the beginning of a frame. Who cut the frame (the addon, or FrameReader) has seen to it that it is long enough. */
export function readTiming(received: DataView, at: number): Timing {
  const ms = (offset: number): number => {
    const ns = received.getUint32(at + offset, true) + received.getUint32(at + offset + 4, true) * 0x1_0000_0000;
    return ns === 0 ? 0 : ns / 1e6 - clockZero;
  };
  return { born: ms(0), sealed: ms(8), received: ms(16), loaded: ms(24), handled: ms(32) };
}
