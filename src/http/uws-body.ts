// The body of one request on uWebSockets: gathered until it is enough, then handed on chunk by chunk.
import type { BodyRest, RequestBody } from '../sandbox/sandbox.ts';
import { copy, Gathering } from './body.ts';

/** What it uses of a response. */
interface Pausable {
  pause(): void;
  resume(): void;
}

export interface UwsBodyOptions {
  readonly limit: number;
  readonly enough: number;
  /** The length that the client announced, 0 when it did not. */
  readonly told: number;
  /** Whether the exchange still goes on; afterwards what comes is dropped, and the response is not touched. */
  open(): boolean;
  begin(body: RequestBody): void;
  over(): void;
}

/** `handed`: what comes goes to `rest`'s reader. `over`: it is too long, or nobody wants the rest. */
type State = 'gathering' | 'handed' | 'whole' | 'over';

export class UwsBody implements BodyRest {
  readonly #res: Pausable;
  readonly #options: UwsBodyOptions;
  readonly #kept: { bytes: Uint8Array; last: boolean }[] = [];
  #gathering: Gathering | undefined;
  #reader: ((bytes: Uint8Array, last: boolean) => void) | undefined;
  #state: State = 'gathering';
  #length = 0;
  #paused = false;

  constructor(res: Pausable, options: UwsBodyOptions) {
    this.#res = res;
    this.#options = options;
  }

  /** Whether all of it has come. */
  get whole(): boolean {
    return this.#state === 'whole';
  }

  take(chunk: ArrayBuffer, last: boolean): void {
    if (this.#state === 'over' || !this.#options.open()) return;
    this.#length += chunk.byteLength;
    if (this.#length > this.#options.limit) {
      this.refuse(last);
      return;
    }
    if (this.#state === 'gathering') this.#gather(chunk, last);
    else this.#pass(copy(chunk), last);
  }

  /** It is longer than allowed: the sender waits, and nothing of the rest is read. */
  refuse(last: boolean): void {
    this.#state = 'over';
    this.#gathering = undefined;
    if (!last) this.pause();
    this.#options.over();
  }

  /** The reply is there, nothing more is wanted. A socket may not be left paused when its connection goes on: it ends where the body is not whole. */
  stop(): void {
    if (this.#state === 'whole') {
      this.resume();
      return;
    }
    this.#state = 'over';
    this.pause();
  }

  read(chunk: (bytes: Uint8Array, last: boolean) => void): void {
    this.#reader = chunk;
    for (const { bytes, last } of this.#kept.splice(0)) chunk(bytes, last);
    this.resume();
  }

  pause(): void {
    if (this.#paused || !this.#options.open()) return;
    this.#paused = true;
    this.#res.pause();
  }

  resume(): void {
    if (!this.#paused || !this.#options.open()) return;
    this.#paused = false;
    this.#res.resume();
  }

  #gather(chunk: ArrayBuffer, last: boolean): void {
    const { limit, enough, told, begin } = this.#options;
    if (this.#gathering === undefined && last) {
      this.#state = 'whole';
      begin({ first: copy(chunk), rest: undefined });
      return;
    }
    this.#gathering ??= new Gathering(limit, Math.min(told, enough));
    this.#gathering.add(chunk);
    if (!last && this.#length < enough) return;
    const first = this.#gathering.take();
    this.#gathering = undefined;
    this.#state = last ? 'whole' : 'handed';
    if (!last) this.pause();
    begin({ first, rest: last ? undefined : this });
  }

  #pass(bytes: Uint8Array, last: boolean): void {
    if (last) this.#state = 'whole';
    if (this.#reader === undefined) this.#kept.push({ bytes, last });
    else this.#reader(bytes, last);
  }
}
