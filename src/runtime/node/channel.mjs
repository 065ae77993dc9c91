// The leaf's end of the channel: frames in, frames out. native/core/wire.h has the layout.
import { writeSync } from 'node:fs';
import { Socket } from 'node:net';

export const type = { ready: 1, request: 3, body: 4, end: 5, reply: 6, cancel: 7, window: 8, log: 9, setup: 10 };
export const flag = { last: 1, loadOnly: 2, broken: 1 };
/** Bytes of a body that may be under way. */
export const windowBytes = 1 << 18;
export const mostLog = 16 * 1024;
export const headBytes = 12;
const version = 2;

/** Cuts bytes into frames. */
export class Frames {
  #onFrame;
  /** A frame that has come in part: as long as it will be, or as its header while that is not there; and how much of it there is. */
  #kept;
  #filled = 0;

  /** onFrame(type, flags, number, bytes): bytes are the payload, until it returns. */
  constructor(onFrame) {
    this.#onFrame = onFrame;
  }

  take(bytes) {
    let at = this.#kept === undefined ? 0 : this.#complete(bytes);
    while (bytes.length - at >= headBytes) {
      const size = headBytes + bytes.readUInt32LE(at);
      if (bytes.length - at < size) break;
      this.#deliver(bytes, at, size);
      at += size;
    }
    if (at === bytes.length) return;
    const there = bytes.length - at;
    this.#kept = Buffer.allocUnsafe(there < headBytes ? headBytes : headBytes + bytes.readUInt32LE(at));
    this.#filled = bytes.copy(this.#kept, 0, at);
  }

  /** Goes on with the frame that is kept; how many of the bytes belong to it. */
  #complete(bytes) {
    for (let at = 0; ; ) {
      const added = bytes.copy(this.#kept, this.#filled, at);
      at += added;
      this.#filled += added;
      if (this.#filled < this.#kept.length) return at;
      const kept = this.#kept;
      const size = headBytes + kept.readUInt32LE(0);
      if (size === kept.length) {
        this.#kept = undefined;
        this.#deliver(kept, 0, size);
        return at;
      }
      this.#kept = Buffer.allocUnsafe(size);
      kept.copy(this.#kept);
    }
  }

  #deliver(bytes, at, size) {
    if (bytes[at + 4] !== version)
      throw new Error(`the worker speaks version ${bytes[at + 4]} of the channel, this runtime version ${version}`);
    this.#onFrame(bytes[at + 5], bytes.readUInt16LE(at + 6), bytes.readUInt32LE(at + 8), bytes.subarray(at + headBytes, at + size));
  }
}

/** Puts the header of a frame whose payload has `length` bytes; where the payload begins. */
export function putHead(out, at, length, kind, number, flags = 0) {
  out.writeUInt32LE(length, at);
  out[at + 4] = version;
  out[at + 5] = kind;
  out.writeUInt16LE(flags, at + 6);
  return out.writeUInt32LE(number, at + 8);
}

/**
 * Reads a descriptor for `frames`, and gives back what writes to it: at once where it can, which spares a turn of the loop. The process ends
 * with the channel.
 */
export function open(fd, frames) {
  const buffer = Buffer.allocUnsafeSlow(1 << 16);
  const callback = (size) => {
    frames.take(buffer.subarray(0, size));
    return true;
  };
  const socket = new Socket({ fd, onread: { buffer, callback } });
  socket.on('error', () => process.exit(0)).on('end', () => process.exit(0));
  return (bytes) => {
    let sent = 0;
    if (socket.writableLength === 0) {
      try {
        sent = writeSync(fd, bytes);
      } catch (error) {
        if (error.code !== 'EAGAIN') process.exit(0);
      }
    }
    if (sent < bytes.length) socket.write(sent === 0 ? bytes : bytes.subarray(sent));
  };
}
