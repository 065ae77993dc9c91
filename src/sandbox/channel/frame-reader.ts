// Cuts what a sandbox sends into frames, where a socket of Node's carries it. The other end is not trusted: lengths, version and types are checked
// here, as native/core/frames.cc does it for channels of the addon.
import { frameType, headBytes, timingBytes, version, windowBytes } from './frames.ts';
import { Received } from './received.ts';

type OnFrame = (received: Received, type: number, number: number, offset: number, length: number) => void;

const mostPayload = 1 << 20;
const mostLog = 16 * 1024;

export class FrameReader {
  readonly #onFrame: OnFrame;
  /** The beginning of a frame, in pieces, and how much of them is needed to go on. */
  #kept: Buffer[] = [];
  #size = 0;
  #needed = 0;
  #isOver = false;

  constructor(onFrame: OnFrame) {
    this.#onFrame = onFrame;
  }

  /** Calls back with each frame that is whole with these bytes. False when they are no frames: nothing that follows is of any use. */
  feed(bytes: Buffer): boolean {
    if (this.#isOver) return false;
    this.#kept.push(bytes);
    this.#size += bytes.length;
    if (this.#size < this.#needed) return true;
    const all = this.#kept.length === 1 ? bytes : Buffer.concat(this.#kept);
    const received = new Received(all);
    let at = 0;
    for (this.#needed = headBytes; all.length - at >= headBytes; at += this.#needed, this.#needed = headBytes) {
      const length = all.readUInt32LE(at);
      const type = all.readUInt8(at + 5) | (all.readUInt16LE(at + 6) << 8);
      if (all[at + 4] !== version || !valid(type, length)) {
        this.#isOver = true;
        this.#kept = [];
        return false;
      }
      this.#needed = headBytes + length;
      if (all.length - at < this.#needed) break;
      this.#onFrame(received, type, all.readUInt32LE(at + 8), at + headBytes, length);
    }
    this.#kept = at === all.length ? [] : [all.subarray(at)];
    this.#size = all.length - at;
    return true;
  }
}

function valid(type: number, length: number): boolean {
  switch (type) {
    case frameType.ready:
      return length === 0;
    case frameType.broken:
      return length === timingBytes;
    case frameType.end:
    case frameType.headless:
    case frameType.reply:
      return length >= timingBytes && length <= mostPayload;
    case frameType.body:
      return length > 0 && length <= windowBytes;
    case frameType.window:
      return length === 4;
    case frameType.log:
      return length > 0 && length <= 1 + mostLog;
    default:
      return false;
  }
}
