// Bytes that have come over a channel, and of which somebody takes what is his.
export class Received {
  readonly view: DataView;
  readonly #bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  copy(offset: number, length: number): Buffer {
    const own = Buffer.allocUnsafe(length);
    own.set(this.#bytes.subarray(offset, offset + length));
    return own;
  }
}
