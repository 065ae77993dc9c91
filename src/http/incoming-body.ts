// The body of one request, as either engine gives it: gathered until it is enough, then handed on chunk by chunk.
import { WorkerError } from '../errors.ts';
import type { BodyRest } from '../sandbox/sandbox.ts';
import { Gathering } from './body.ts';
import type { BodyClock, Timed } from './body-clock.ts';
import type { BodyTaking } from './engine.ts';

/** What lets the client send, or not. */
interface Pausable {
  pause(): void;
  resume(): void;
}

export interface IncomingBodyOptions {
  readonly taking: BodyTaking;
  readonly clock: BodyClock;
  /** The length that the client announced, 0 when it did not. */
  readonly told: number;
  /** A chunk as bytes of our own: a copy, where the engine takes its memory back. */
  own(chunk: Uint8Array): Uint8Array;
  /** Whether the exchange still goes on; afterwards what comes is dropped, and the source is not touched. */
  open(): boolean;
  /** Runs what calls back because of the clock. */
  guard(callback: () => void): void;
}

/** `handed`: what comes goes to `rest`'s reader. `over`: it is too long, or nobody wants the rest. */
type State = 'gathering' | 'handed' | 'whole' | 'over';

const nothing = new Uint8Array(0);

export class IncomingBody implements BodyRest, Timed {
  readonly #source: Pausable;
  readonly #options: IncomingBodyOptions;
  readonly #kept: { bytes: Uint8Array; last: boolean }[] = [];
  #gathering: Gathering | undefined;
  #reader: ((bytes: Uint8Array, last: boolean) => void) | undefined;
  #state: State = 'gathering';
  #length = 0;
  #paused = false;
  /** The client has sent nothing for so long. */
  #silentMs = 0;

  constructor(source: Pausable, options: IncomingBodyOptions) {
    this.#source = source;
    this.#options = options;
    options.clock.begun(this);
  }

  /** Whether all of it has come. */
  get whole(): boolean {
    return this.#state === 'whole';
  }

  get paused(): boolean {
    return this.#paused;
  }

  take(chunk: Uint8Array, last: boolean): void {
    if (this.#state === 'over' || !this.#options.open()) return;
    if (this.#paused) this.#source.pause(); // it has begun again by itself
    this.#silentMs = 0;
    this.#length += chunk.byteLength;
    if (last) this.#options.clock.over(this);
    if (this.#length > this.#options.taking.limit) {
      this.refuseLong(last);
      return;
    }
    if (this.#state === 'gathering') this.#gather(chunk, last);
    else this.#pass(this.#options.own(chunk), last);
  }

  /** It is longer than allowed. */
  refuseLong(last: boolean): void {
    const { limit } = this.#options.taking;
    this.#refuse(new WorkerError('body-too-large', { detail: `${limit} bytes` }), last);
  }

  soon(): boolean {
    if (!this.#isAwaited) return false;
    if (this.#state === 'gathering' && this.#options.taking.early?.() === true) this.#options.guard(() => this.#begin(false));
    return true;
  }

  passed(ms: number): boolean {
    if (!this.#isAwaited) return false;
    if (this.#paused) return true;
    this.#source.resume(); // which shows the library that somebody cares
    this.#silentMs += ms;
    const { clock, guard, taking } = this.#options;
    if (this.#silentMs < clock.silenceMs) return true;
    this.#silentMs = 0;
    const late = new WorkerError('body-late', { detail: `${clock.silenceMs / 1000} s` });
    guard(() => (this.#state === 'gathering' ? this.#refuse(late, false) : taking.refused(late)));
    return true;
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

  /** More of it is to come, and somebody is there for it. */
  get #isAwaited(): boolean {
    return (this.#state === 'gathering' || this.#state === 'handed') && this.#options.open();
  }

  /** The sender waits, and nothing of the rest is read. */
  #refuse(why: WorkerError, last: boolean): void {
    this.#state = 'over';
    this.#gathering = undefined;
    if (!last) this.pause();
    this.#options.taking.refused(why);
  }

  #gather(chunk: Uint8Array, last: boolean): void {
    const { told, own, taking } = this.#options;
    if (this.#gathering === undefined && last) {
      this.#state = 'whole';
      taking.begin({ first: own(chunk), rest: undefined });
      return;
    }
    this.#gathering ??= new Gathering(taking.limit, Math.min(told, taking.enough));
    this.#gathering.add(chunk);
    if (last || this.#length >= taking.enough) this.#begin(last);
  }

  #begin(last: boolean): void {
    const first = this.#gathering?.take() ?? nothing;
    this.#gathering = undefined;
    this.#state = last ? 'whole' : 'handed';
    if (!last) this.pause();
    this.#options.taking.begin({ first, rest: last ? undefined : this });
  }

  #pass(bytes: Uint8Array, last: boolean): void {
    if (last) this.#state = 'whole';
    if (this.#reader === undefined) this.#kept.push({ bytes, last });
    else this.#reader(bytes, last);
  }
}
