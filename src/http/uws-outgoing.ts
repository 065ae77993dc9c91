// The body of a reply on its way through uWebSockets: what the socket does not take at once waits here, in the order in which it was written.
// The library itself would keep all of it, copied, and move it to the front of its buffer at every write.

import type { UwsWriter } from './uws-library.ts';

export interface UwsOutgoingOptions {
  /** Status and header lines, sent with what is written first. */
  readonly head: Uint8Array;
  /** Bytes of the body, undefined when it goes in chunks. */
  readonly length: number | undefined;
  /** Whether a callback of this connection is running, and what is written is gathered with whatever else is. */
  busy(): boolean;
  /** Called before a write that may complete the reply. */
  completing(): void;
  /** The reply is complete, as far as this process goes; the response must not be touched any more. */
  done(): void;
  /** What a write had to wait for is over. */
  drained(): void;
}

/** What is written within one cork has to fit into 16 KB: of more the library (v20.48) loses some when the socket takes nothing. */
const pieceBytes = 15 << 10;

export class UwsOutgoing {
  readonly #res: UwsWriter;
  readonly #options: UwsOutgoingOptions;
  readonly #queue: Uint8Array[] = [];
  #written = 0;
  #taken = 0;
  #headed = false;
  #ended = false;
  /** The socket takes nothing at the moment. */
  #blocked = false;
  /** The library keeps nothing of what it was given. It only tells with the next write, which is one of a byte where this is in doubt. */
  #clear = true;
  #flushing = false;
  #closed = false;

  constructor(res: UwsWriter, options: UwsOutgoingOptions) {
    this.#res = res;
    this.#options = options;
    res.onWritable(() => this.advance());
  }

  /** Bytes that were given to write(). */
  get written(): number {
    return this.#written;
  }

  /** Owns the bytes from now on. False when they wait; drained() follows. */
  write(bytes: Uint8Array): boolean {
    this.#written += bytes.length;
    this.#queue.push(bytes);
    return this.#begin();
  }

  /** All that there is was written. */
  end(): void {
    this.#ended = true;
    this.#begin();
  }

  /** Goes on with what waits. False when the socket still does not take it. */
  advance(): boolean {
    if (this.#closed || this.#flushing) return true; // completing() may come back here
    const waited = this.#blocked;
    this.#blocked = false;
    this.#flush();
    if (waited && !this.#blocked && !this.#ended) this.#options.drained();
    return !this.#blocked;
  }

  /** The response is gone. */
  close(): void {
    this.#closed = true;
    this.#queue.length = 0;
  }

  #begin(): boolean {
    if (this.#closed || this.#blocked) return this.#closed;
    if (this.#options.busy()) {
      this.#blocked = true;
      setImmediate(() => this.advance());
    } else this.#flush();
    return !this.#blocked;
  }

  #flush(): void {
    this.#flushing = true;
    do this.#res.cork(() => this.#step());
    while (this.#queue.length > 0 && !this.#blocked && !this.#closed);
    this.#flushing = false;
  }

  #step(): void {
    const { head, length } = this.#options;
    let room = this.#clear ? pieceBytes : 1;
    if (!this.#headed) {
      this.#headed = true;
      this.#res.writeStatus(head);
      room = Math.max(1, room - head.length);
    }
    const next = this.#queue[0];
    if (next !== undefined && length === undefined) this.#sendPiece(next.subarray(0, room), next);
    else if (next !== undefined) this.#sendSome(next, length ?? 0);
    if (this.#ended && this.#queue.length === 0 && !this.#closed) this.#finish(() => this.#res.end());
  }

  #sendPiece(piece: Uint8Array, of: Uint8Array): void {
    this.#clear = this.#res.write(piece);
    this.#blocked = !this.#clear;
    this.#leave(of, piece.length);
  }

  #sendSome(next: Uint8Array, length: number): void {
    if (this.#taken + next.length === length) this.#options.completing();
    const before = this.#res.getWriteOffset();
    const [ok, done] = this.#res.tryEnd(next, length);
    if (done) {
      this.#finish(() => {});
      return;
    }
    const took = ok ? next.length : this.#res.getWriteOffset() - before;
    this.#taken += took;
    this.#blocked = !ok;
    this.#leave(next, took);
  }

  #leave(next: Uint8Array, took: number): void {
    if (took === next.length) this.#queue.shift();
    else this.#queue[0] = next.subarray(took);
  }

  #finish(last: () => void): void {
    this.#options.completing();
    this.close();
    this.#options.done();
    last();
  }
}
