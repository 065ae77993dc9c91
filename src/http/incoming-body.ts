// The body of one request, as either engine gives it: gathered until it is enough, then handed on chunk by chunk.
import type { BodyRest, RequestBody } from '../sandbox/sandbox.ts';
import { Gathering } from './body.ts';

/** What lets the client send, or not. */
interface Pausable {
  pause(): void;
  resume(): void;
}

export interface IncomingBodyOptions {
  readonly limit: number;
  readonly enough: number;
  /** The length that the client announced, 0 when it did not. */
  readonly told: number;
  /** A chunk as bytes of our own: a copy, where the engine takes its memory back. */
  own(chunk: Uint8Array): Uint8Array;
  /** Whether the exchange still goes on; afterwards what comes is dropped, and the source is not touched. */
  open(): boolean;
  begin(body: RequestBody): void;
  over(): void;
}

/** `handed`: what comes goes to `rest`'s reader. `over`: it is too long, or nobody wants the rest. */
type State = 'gathering' | 'handed' | 'whole' | 'over';

export class IncomingBody implements BodyRest {
  readonly #source: Pausable;
  readonly #options: IncomingBodyOptions;
  readonly #kept: { bytes: Uint8Array; last: boolean }[] = [];
  #gathering: Gathering | undefined;
  #reader: ((bytes: Uint8Array, last: boolean) => void) | undefined;
  #state: State = 'gathering';
  #length = 0;
  #paused = false;

  constructor(source: Pausable, options: IncomingBodyOptions) {
    this.#source = source;
    this.#options = options;
  }

  /** Whether all of it has come. */
  get whole(): boolean {
    return this.#state === 'whole';
  }

  get paused(): boolean {
    return this.#paused;
  }

  /** Whether the client could send more of it. */
  get wanted(): boolean {
    return (this.#state === 'gathering' || this.#state === 'handed') && !this.#paused;
  }

  take(chunk: Uint8Array, last: boolean): void {
    if (this.#state === 'over' || !this.#options.open()) return;
    if (this.#paused) this.#source.pause(); // it has begun again by itself
    this.#length += chunk.byteLength;
    if (this.#length > this.#options.limit) {
      this.refuse(last);
      return;
    }
    if (this.#state === 'gathering') this.#gather(chunk, last);
    else this.#pass(this.#options.own(chunk), last);
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
    if (this.#state === 'whole') this.resume();
    if (this.#state === 'whole' || this.#state === 'over') return;
    this.#state = 'over';
    this.pause();
  }

  read(chunk: (bytes: Uint8Array, last: boolean) => void): void {
    this.#reader = chunk;
    this.resume(); // before the chunks that wait: their reader may pause
    for (const { bytes, last } of this.#kept.splice(0)) if (this.#options.open()) chunk(bytes, last);
  }

  pause(): void {
    if (this.#paused || !this.#options.open()) return;
    this.#paused = true;
    this.#source.pause();
  }

  resume(): void {
    if (!this.#paused || !this.#options.open()) return;
    this.#paused = false;
    this.#source.resume();
  }

  #gather(chunk: Uint8Array, last: boolean): void {
    const { limit, enough, told, own, begin } = this.#options;
    if (this.#gathering === undefined && last) {
      this.#state = 'whole';
      begin({ first: own(chunk), rest: undefined });
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
