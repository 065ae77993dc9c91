// Takes apart the stream of an attached container: stdout and stderr in pieces, each behind eight bytes: the stream's number, three zeros, the length
// (big-endian).

const headBytes = 8;

export class Attached {
  readonly #onOutput: (stream: 1 | 2, bytes: Buffer) => void;
  #head = Buffer.alloc(0);
  /** Of the piece that is coming. */
  #stream: 1 | 2 = 1;
  #left = 0;

  constructor(onOutput: (stream: 1 | 2, bytes: Buffer) => void) {
    this.#onOutput = onOutput;
  }

  /** Pieces are handed on as they come, not as they were written: they may be of any length. */
  feed(bytes: Buffer): void {
    for (let rest = bytes; rest.length > 0; ) {
      if (this.#left === 0) {
        const missing = headBytes - this.#head.length;
        this.#head = Buffer.concat([this.#head, rest.subarray(0, missing)]);
        rest = rest.subarray(missing);
        if (this.#head.length < headBytes) return;
        this.#stream = this.#head[0] === 2 ? 2 : 1;
        this.#left = this.#head.readUInt32BE(4);
        this.#head = Buffer.alloc(0);
      } else {
        const piece = rest.subarray(0, this.#left);
        this.#left -= piece.length;
        rest = rest.subarray(piece.length);
        this.#onOutput(this.#stream, piece);
      }
    }
  }
}
