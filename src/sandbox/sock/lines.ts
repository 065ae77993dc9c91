// Cuts what a sandbox writes to stdout or stderr into lines.
import { StringDecoder } from 'node:string_decoder';

/** A longer line is cut; a sandbox may not fill the worker's memory. UTF-16 units. */
const longestLine = 16 * 1024;

export class Lines {
  readonly #decoder = new StringDecoder('utf8');
  readonly #onLine: (line: string) => void;
  #rest = '';

  constructor(onLine: (line: string) => void) {
    this.#onLine = onLine;
  }

  write(bytes: Buffer): void {
    const parts = (this.#rest + this.#decoder.write(bytes)).split('\n');
    this.#rest = parts.pop() ?? '';
    for (const line of parts) this.#emit(line);
    if (this.#rest.length >= longestLine) this.flush();
  }

  /** What has no newline yet becomes a line. */
  flush(): void {
    if (this.#rest === '') return;
    const rest = this.#rest;
    this.#rest = '';
    this.#emit(rest);
  }

  #emit(line: string): void {
    for (let at = 0; at === 0 || at < line.length; at += longestLine) this.#onLine(line.slice(at, at + longestLine));
  }
}
