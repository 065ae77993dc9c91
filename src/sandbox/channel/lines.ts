// Cuts what a sandbox writes to stdout or stderr into lines, as many as it may have.
import { StringDecoder } from 'node:string_decoder';

/** A longer line is cut; a sandbox may not fill the worker's memory. UTF-16 units. */
const longestLine = 16 * 1024;
/**
 * A line costs 1, and 1 more for each KiB: 5 us of the event loop and its bytes in a log, both of which are everybody's. What a sandbox writes
 * beyond that is dropped, and told. (Without it one that printed nothing but newlines delayed all other calls by a second.)
 */
const credit = { burst: 10_000, perSecond: 1000, bytes: 1024 } as const;

export class Lines {
  readonly #onLine: (line: string) => void;
  readonly #now: () => number;
  #decoder = new StringDecoder('utf8');
  #rest = '';
  #credit: number = credit.burst;
  #at = 0;
  #dropped = 0;

  constructor(onLine: (line: string) => void, now: () => number = () => performance.now()) {
    this.#onLine = onLine;
    this.#now = now;
  }

  write(bytes: Buffer): void {
    this.#earn();
    if (this.#credit < 1) {
      this.#dropped += this.#rest.length + bytes.length;
      this.#rest = '';
      this.#decoder = new StringDecoder('utf8');
      return;
    }
    const parts = (this.#rest + this.#decoder.write(bytes)).split('\n');
    this.#rest = parts.pop() ?? '';
    for (const line of parts) this.#emit(line);
    if (this.#rest.length >= longestLine) this.flush();
  }

  /** What has no newline yet becomes a line. */
  flush(): void {
    if (this.#dropped > 0) this.#tellDropped();
    if (this.#rest === '') return;
    const rest = this.#rest;
    this.#rest = '';
    this.#emit(rest);
  }

  #emit(line: string): void {
    for (let at = 0; at === 0 || at < line.length; at += longestLine) this.#spend(line.slice(at, at + longestLine));
  }

  #spend(line: string): void {
    if (this.#credit < 1) {
      this.#dropped += line.length + 1;
      return;
    }
    if (this.#dropped > 0) this.#tellDropped();
    this.#credit -= 1 + line.length / credit.bytes;
    this.#onLine(line);
  }

  #tellDropped(): void {
    const dropped = this.#dropped;
    this.#dropped = 0;
    this.#onLine(`(${dropped} bytes of output are missing here: there was too much of it)`);
  }

  #earn(): void {
    const now = this.#now();
    this.#credit = Math.min(credit.burst, this.#credit + ((now - this.#at) / 1000) * credit.perSecond);
    this.#at = now;
  }
}
