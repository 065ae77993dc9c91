// The reply to one request as it goes, under its window.
import { flag, headBytes, mostLog, putHead, type, windowBytes } from './channel.mjs';

/** Nobody waits for the reply any more. */
export class Cancelled extends Error {}

const timeBytes = 40;
const times = ['born', 'sealed', 'received', 'loaded', 'handled'];

export class Outgoing {
  #number;
  #write;
  #times = new BigUint64Array(times.length);
  /** The head, JSON, until there is something to send with it. */
  #head;
  #granted = windowBytes;
  #wake;
  #cancelled = false;
  begun = false;
  over = false;

  constructor(number, write) {
    this.#number = number;
    this.#write = write;
  }

  /** `at`: nanoseconds of CLOCK_MONOTONIC. */
  time(name, at) {
    this.#times[times.indexOf(name)] = at;
  }

  /** The handler takes bodies as they come. */
  streams() {
    const frame = Buffer.allocUnsafe(headBytes);
    putHead(frame, 0, 0, type.ready, this.#number);
    this.#write(frame);
  }

  grant(bytes) {
    this.#granted += bytes;
    this.#wake?.();
  }

  cancel() {
    this.#cancelled = true;
    this.#wake?.();
  }

  /** What goes before the body: JSON, or undefined for 200 and application/json. */
  open(head) {
    this.#head = head;
  }

  /** Sends a piece. Rejects with Cancelled. */
  async write(bytes) {
    for (let rest = bytes; rest.length > 0; ) {
      rest = this.#push(rest);
      if (rest.length > 0) await this.#room();
    }
  }

  /** Sends the last piece, and with it that the reply is complete. */
  async end(bytes) {
    let rest = bytes;
    while (rest.length > this.#granted) {
      rest = this.#push(rest);
      if (rest.length > this.#granted) await this.#room();
    }
    this.finish(rest);
  }

  /** As end(), of what the window allows. A text is sent as UTF-8. */
  finish(body = '', flags = 0) {
    const size = typeof body === 'string' ? Buffer.byteLength(body) : body.length;
    if (size > this.#granted) {
      this.end(Buffer.from(body)).catch(() => this.drop());
      return;
    }
    const frame = Buffer.allocUnsafe(this.#headSize() + headBytes + timeBytes + size);
    let at = this.#putHead(frame);
    at = this.#putTimes(frame, putHead(frame, at, timeBytes + size, type.end, this.#number, flags));
    if (typeof body === 'string') frame.write(body, at);
    else frame.set(body, at);
    this.over = true;
    this.#write(frame);
  }

  /** The reply has begun, and cannot be completed. */
  break() {
    this.finish('', flag.broken);
  }

  /** Nobody waits for it. */
  drop() {
    this.#head = undefined;
    this.finish();
  }

  log(text, level) {
    for (const line of text.split('\n')) {
      if (line === '') continue;
      let bytes = Buffer.from(line);
      if (bytes.length > mostLog) bytes = bytes.subarray(0, mostLog);
      const frame = Buffer.allocUnsafe(headBytes + 1 + bytes.length);
      const at = putHead(frame, 0, 1 + bytes.length, type.log, this.#number);
      frame[at] = level;
      frame.set(bytes, at + 1);
      this.#write(frame);
    }
  }

  /** Sends what the window allows; the rest. */
  #push(bytes) {
    if (this.#cancelled) throw new Cancelled();
    const size = Math.min(bytes.length, this.#granted);
    if (size === 0) return bytes;
    const frame = Buffer.allocUnsafe(this.#headSize() + headBytes + size);
    const at = putHead(frame, this.#putHead(frame), size, type.body, this.#number);
    frame.set(size === bytes.length ? bytes : bytes.subarray(0, size), at);
    this.#granted -= size;
    this.begun = true;
    this.#write(frame);
    return bytes.subarray(size);
  }

  async #room() {
    while (this.#granted === 0 && !this.#cancelled) await new Promise((resolve) => (this.#wake = resolve));
    if (this.#cancelled) throw new Cancelled();
  }

  #headSize() {
    return this.#head === undefined ? 0 : headBytes + timeBytes + Buffer.byteLength(this.#head);
  }

  #putHead(frame) {
    if (this.#head === undefined) return 0;
    const at = this.#putTimes(frame, putHead(frame, 0, this.#headSize() - headBytes, type.reply, this.#number));
    const end = at + frame.write(this.#head, at);
    this.#head = undefined;
    return end;
  }

  #putTimes(frame, at) {
    frame.set(new Uint8Array(this.#times.buffer), at);
    return at + timeBytes;
  }
}
