// The body of one request as it comes, under its window.
import { headBytes, putHead, type, windowBytes } from './channel.mjs';

export class Incoming {
  #number;
  #write;
  #parts = [];
  #complete;
  #used = 0;
  #wake;

  constructor(number, first, complete, write) {
    this.#number = number;
    this.#write = write;
    this.#complete = complete;
    if (first.length > 0) this.#parts.push(Buffer.from(first));
  }

  get complete() {
    return this.#complete;
  }

  /** `bytes` are the caller's: they are copied. */
  append(bytes, last) {
    if (bytes.length > 0) this.#parts.push(Buffer.from(bytes));
    if (last) this.#complete = true;
    this.#wake?.();
  }

  /** Nothing more will come. */
  abandon() {
    this.#complete = true;
    this.#parts = [];
    this.#wake?.();
  }

  /** What has come and was not taken; empty when there is nothing. */
  take() {
    const bytes = this.#parts.length === 1 ? this.#parts[0] : Buffer.concat(this.#parts);
    this.#parts = [];
    this.#used += bytes.length;
    if (this.#used >= windowBytes / 2 && !this.#complete) {
      const frame = Buffer.allocUnsafe(headBytes + 4);
      frame.writeUInt32LE(this.#used, putHead(frame, 0, 4, type.window, this.#number));
      this.#write(frame);
      this.#used = 0;
    }
    return bytes;
  }

  /** Calls back with all of it, when it is there. */
  whole(then) {
    if (this.#complete) {
      then(this.take());
      return;
    }
    const parts = [];
    this.#wake = () => {
      parts.push(this.take());
      if (!this.#complete) return;
      this.#wake = undefined;
      then(Buffer.concat(parts));
    };
    this.#wake();
  }

  /** Piece by piece; what is not asked for stays with the client. */
  async *stream() {
    for (;;) {
      const bytes = this.take();
      if (bytes.length > 0) yield bytes;
      else if (this.#complete) return;
      else await new Promise((resolve) => (this.#wake = resolve));
    }
  }
}
