// A request body as it comes in: copies of its chunks, never more than the limit.

const nothing = new Uint8Array(0);

/** Copies a chunk out of memory that its owner takes back. */
export function copy(chunk: Uint8Array): Uint8Array {
  if (chunk.length === 0) return nothing;
  const bytes = Buffer.allocUnsafe(chunk.length);
  bytes.set(chunk);
  return bytes;
}

/** Gathers chunks into one array, which is right from the start when the length was told, and doubles otherwise. */
export class Gathering {
  readonly #limit: number;
  #bytes: Buffer;
  #length = 0;

  /** `told` is the length that the client announced, 0 when it did not. */
  constructor(limit: number, told: number) {
    this.#limit = limit;
    this.#bytes = Buffer.allocUnsafe(Math.min(told, limit));
  }

  /** False when the body is over the limit; the chunk is not kept then. */
  add(chunk: Uint8Array): boolean {
    const length = this.#length + chunk.length;
    if (length > this.#limit) return false;
    if (length > this.#bytes.length) this.#grow(length);
    this.#bytes.set(chunk, this.#length);
    this.#length = length;
    return true;
  }

  take(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  #grow(length: number): void {
    const larger = Buffer.allocUnsafe(Math.min(this.#limit, Math.max(length, this.#bytes.length * 2)));
    this.#bytes.copy(larger, 0, 0, this.#length);
    this.#bytes = larger;
  }
}
