// One request on the channel of a sandbox: its body on the way in, its reply on the way out, and how much of either may be under way.
import { type ErrorCode, WorkerError } from '../../errors.ts';
import type { Ongoing, ReplyHead, SandboxRequest } from '../sandbox.ts';
import { bodyFrame, cancelFrame, headText, requestFrame, type Timing, windowBytes, windowFrame } from './frames.ts';

/** The sandbox as its requests see it. */
export interface Wire {
  send(frames: Buffer): void;
  /** The same, and interrupts what the process is at. */
  interrupt(frames: Buffer): void;
  /** What the process sends cannot be believed any more. */
  misbehaves(what: string): void;
}

const json = [['content-type', 'application/json']] as const;
const tooMuch = 'more of a reply than was asked for';
const nothing = new Uint8Array(0);

export class Conversation implements Ongoing {
  readonly number: number;
  readonly request: SandboxRequest;
  /** How the time until the request was read is called. */
  readonly #waking: 'attach' | 'wake';
  readonly #wire: Wire;
  /** Of the request's body: what may be sent, and what waits for that. */
  #mayBeSent = windowBytes;
  #held: { bytes: Uint8Array; last: boolean } | undefined;
  /** Of the reply's body: what may come, and what has been used up without the leaf knowing. */
  #mayCome = windowBytes;
  #used = 0;
  #head: RepliedHead | undefined;
  #begun = false;
  #over = false;
  #cancelled = false;
  /** The rest of the request's body has been asked for. */
  #reading = false;

  constructor(number: number, request: SandboxRequest, waking: 'attach' | 'wake', wire: Wire) {
    this.number = number;
    this.request = request;
    this.#waking = waking;
    this.#wire = wire;
  }

  /** Sends the request, `headless` without its head. False when that is too long. */
  begin(headless: boolean): boolean {
    const { head, body, deadline, loadOnly } = this.request;
    const text = headless ? '' : headText(head, deadline);
    if (text === undefined) return false;
    const whole = body.first.length <= windowBytes;
    const last = whole && body.rest === undefined;
    const first = whole ? body.first : body.first.subarray(0, windowBytes);
    this.#mayBeSent -= first.length;
    this.#wire.send(requestFrame({ number: this.number, head: text, body: first, last, loadOnly }));
    if (!whole) this.#held = { bytes: body.first.subarray(windowBytes), last: body.rest === undefined };
    else if (!last) this.#readRest();
    return true;
  }

  used(bytes: number): void {
    this.#used += bytes;
    if (this.#over || this.#used < windowBytes / 2) return;
    this.#mayCome += this.#used;
    this.#wire.send(windowFrame(this.number, this.#used));
    this.#used = 0;
  }

  cancel(): void {
    if (this.#over || this.#cancelled) return;
    this.#cancelled = true;
    this.#held = undefined;
    this.#wire.interrupt(cancelFrame(this.number));
  }

  // ---- what the leaf says

  onReply(timing: Timing, payload: Buffer): void {
    const head = repliedHead(payload);
    if (head === undefined) {
      this.#wire.misbehaves('a reply with an invalid head');
      return;
    }
    if (this.#head !== undefined || this.#begun) {
      this.#wire.misbehaves('a reply that begins twice');
      return;
    }
    this.#head = head;
    this.#mark(timing);
  }

  onBody(bytes: Buffer): void {
    this.#mayCome -= bytes.length;
    if (this.#mayCome < 0) {
      this.#wire.misbehaves(tooMuch);
      return;
    }
    if (this.#cancelled) {
      this.used(bytes.length);
      return;
    }
    if (!this.#begun) {
      this.#begun = true;
      this.request.begun(this.#reply());
    }
    this.request.chunk(bytes);
  }

  /** The leaf is through with the request. */
  onEnd(timing: Timing, rest: Buffer): void {
    this.#over = true;
    if (rest.length > this.#mayCome) {
      this.fail(new WorkerError('reply-invalid', { detail: tooMuch }));
      this.#wire.misbehaves(tooMuch);
      return;
    }
    if (this.#head === undefined) this.#mark(timing);
    const error = this.#head?.error;
    if (error !== undefined) this.request.failed(new WorkerError(error, { detail: rest.toString('utf8') }));
    else if (!this.#begun) {
      const { status, reason, headers } = this.#reply();
      this.request.answered({ status, reason, headers, body: rest }); // no spread: see headText
    } else {
      if (rest.length > 0 && !this.#cancelled) this.request.chunk(rest);
      this.request.ended();
    }
  }

  /** The reply ends here without being complete. */
  onBroken(): void {
    this.fail(new WorkerError('handler-raised', { detail: 'in the middle of its reply' }));
  }

  onWindow(bytes: number): void {
    this.#mayBeSent += bytes;
    if (bytes === 0 || this.#mayBeSent > windowBytes) {
      this.#wire.misbehaves('a window larger than there is');
      return;
    }
    const held = this.#held;
    if (held === undefined) return;
    this.#held = undefined;
    this.#send(held.bytes, held.last);
    if (this.#held !== undefined || held.last) return;
    if (this.#reading) this.request.body.rest?.resume();
    else this.#readRest();
  }

  fail(error: WorkerError): void {
    this.#over = true;
    this.request.failed(error);
  }

  // ---- the request's body

  #readRest(): void {
    this.#reading = true;
    this.request.body.rest?.read((bytes, last) => this.#send(bytes, last));
  }

  /** Sends as much as the window allows and keeps the rest. */
  #send(bytes: Uint8Array, last: boolean): void {
    if (this.#over || this.#cancelled) return;
    if (this.#held !== undefined) {
      this.#held = { bytes: Buffer.concat([this.#held.bytes, bytes]), last }; // what was on its way when the sender was told to wait
      return;
    }
    const now = bytes.length <= this.#mayBeSent ? bytes : bytes.subarray(0, this.#mayBeSent);
    const rest = now === bytes ? nothing : bytes.subarray(now.length);
    this.#mayBeSent -= now.length;
    if (now.length > 0 || last) this.#wire.send(bodyFrame(this.number, now, last && rest.length === 0));
    if (rest.length === 0) return;
    this.#held = { bytes: rest, last };
    if (!last && this.#reading) this.request.body.rest?.pause();
  }

  // ---- the reply

  #reply(): ReplyHead {
    return { status: this.#head?.status ?? 200, reason: this.#head?.reason, headers: this.#head?.headers ?? json };
  }

  // The leaf's own times, which it may have made up: kept between the last mark and now.
  #mark(t: Timing): void {
    const { phases } = this.request;
    const now = performance.now();
    const mark = (name: string, at: number): void => phases.mark(name, Math.min(at, now));
    if (t.born !== 0) mark('fork', t.born);
    if (t.sealed !== 0) mark('isolate', t.sealed);
    mark(this.#waking, t.received);
    if (t.loaded !== 0) mark('load', t.loaded);
    mark('handler', t.handled);
  }
}

interface RepliedHead extends ReplyHead {
  readonly error: ErrorCode | undefined;
}

// What a leaf sends is not believed: anything odd is no head.
function repliedHead(payload: Buffer): RepliedHead | undefined {
  try {
    const head: unknown = JSON.parse(payload.toString('utf8'));
    if (typeof head !== 'object' || head === null || Array.isArray(head)) return undefined;
    const { status = 200, reason, error, headers } = head as Readonly<Record<string, unknown>>;
    if (typeof status !== 'number' || !Number.isInteger(status) || status < 200 || status > 599) return undefined;
    if (error !== undefined && error !== 'handler-raised' && error !== 'event-invalid') return undefined;
    return {
      status,
      reason: typeof reason === 'string' ? reason : undefined,
      headers: Array.isArray(headers) ? headers.filter(isPair) : json,
      error,
    };
  } catch {
    return undefined;
  }
}

function isPair(value: unknown): value is [string, string] {
  return Array.isArray(value) && value.length === 2 && value.every((part) => typeof part === 'string');
}
