// Where lines of the log go: an open file, a pipe or a terminal. They are written in the background, in order. What cannot be written (a full disk) ends nothing
// and is held; sonic-boom, which pino brings, tries for ever to flush in that case, so that the process never ends.
import { write, writeSync } from 'node:fs';

/** UTF-16 units that wait to be written. Beyond it lines are lost: a log that is read slowly must not fill the worker's memory. */
const mostWaiting = 16 << 20;
/** A pipe that is full is tried again after so many milliseconds; in flush() so often without a byte written. */
const [pauseMs, mostPauses] = [100, 10];

export class LogFile {
  readonly #fd: number;
  readonly #onFailed: (cause: NodeJS.ErrnoException) => void;
  #waiting = '';
  /** What is being written, or could not be. */
  #held: Uint8Array = Buffer.alloc(0);
  #isWriting = false;
  #isFailing = false;

  /** `onFailed` is called once for failures in a row: the next line is the next attempt. */
  constructor(fd: number, onFailed: (cause: NodeJS.ErrnoException) => void) {
    this.#fd = fd;
    this.#onFailed = onFailed;
  }

  write(line: string): void {
    if (this.#waiting.length + this.#held.length + line.length > mostWaiting) return;
    this.#waiting += line;
    if (!this.#isWriting) this.#begin();
  }

  /** Writes what waits before it returns, if that can be done. For the end of the process. */
  flush(): void {
    let rest: Uint8Array = Buffer.concat([...(this.#isWriting ? [] : [this.#held]), Buffer.from(this.#waiting)]);
    for (let pauses = 0; rest.length > 0 && pauses < mostPauses; ) {
      try {
        rest = rest.subarray(writeSync(this.#fd, rest));
        pauses = 0;
      } catch (cause) {
        if (!isFull(cause)) break; // nothing is left to tell it to
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, pauseMs);
        pauses += 1;
      }
    }
    this.#waiting = '';
    if (!this.#isWriting) this.#held = rest;
  }

  #begin(): void {
    if (this.#held.length === 0) [this.#held, this.#waiting] = [Buffer.from(this.#waiting), ''];
    if (this.#held.length === 0) return;
    this.#isWriting = true;
    write(this.#fd, this.#held, (cause, written) => {
      if (isFull(cause)) {
        setTimeout(() => this.#begin(), pauseMs);
        return;
      }
      this.#isWriting = false;
      if (cause !== null) this.#failed(cause);
      else {
        this.#isFailing = false;
        this.#held = this.#held.subarray(written);
        this.#begin();
      }
    });
  }

  #failed(cause: NodeJS.ErrnoException): void {
    if (!this.#isFailing) this.#onFailed(cause);
    this.#isFailing = true;
    if (cause.code === 'EPIPE') [this.#held, this.#waiting] = [Buffer.alloc(0), '']; // nobody is there who could ever read it
  }
}

function isFull(cause: unknown): boolean {
  return cause instanceof Error && 'code' in cause && cause.code === 'EAGAIN';
}
