// One request on uWebSockets as an Exchange. It never touches the response after its end, and lets no exception out of a callback.
import { WorkerError } from '../errors.ts';
import { copy } from './body.ts';
import type { BodyClock } from './body-clock.ts';
import type { BodyTaking, Exchange, Fault } from './engine.ts';
import { askerOf, errorReply } from './error-reply.ts';
import { type Headers, head, lastReply } from './head.ts';
import { IncomingBody } from './incoming-body.ts';
import { shortAddress } from './port.ts';
import { latin1, type UwsRequest, type UwsResponse } from './uws-library.ts';
import { UwsOutgoing } from './uws-outgoing.ts';

/** What all exchanges of a listener share. */
export interface Shared {
  readonly fault: Fault;
  readonly clock: BodyClock;
  readonly nextId: () => string;
  draining: boolean;
}

type ReplyState =
  | { readonly at: 'none' | 'over' }
  /** `outgoing`: undefined for a reply that cannot have a body. */
  | { readonly at: 'begun'; readonly top: Buffer; readonly length: number | undefined; readonly outgoing: UwsOutgoing | undefined };

// What uWebSockets gathers before a write. Up to here `end` costs no more memory than the library has anyway.
const corkBytes = 16 * 1024;
/** How often a reply is moved on while the request is paused, and how often in vain until the client is taken for gone: 10 s. */
const [moveEveryMs, movesInVain] = [10, 1000];

export class UwsExchange implements Exchange {
  readonly method: string;
  readonly path: string;
  readonly query: string;
  onAbort: (() => void) | undefined = undefined;
  onDrain: (() => void) | undefined = undefined;
  reason: string | undefined = undefined;
  readonly #shared: Shared;
  /** Undefined once it may not be touched: the reply is complete, or the client is gone. */
  #res: UwsResponse | undefined;
  /** Empty once the handler has returned. */
  #headers: Headers;
  #body: IncomingBody | undefined;
  #outgoing: UwsOutgoing | undefined;
  #reply: ReplyState = { at: 'none' };
  #mover: NodeJS.Timeout | undefined;
  /** The handler, or the body's receiver, is running within the library's own callback. */
  #busy = true;

  constructor(shared: Shared, res: UwsResponse, req: UwsRequest) {
    this.#shared = shared;
    this.#res = res;
    // First of all: a handler that returns without an answer and without this aborts the process.
    res.onAborted(() => this.#aborted());
    this.method = req.getCaseSensitiveMethod();
    this.path = latin1(req.getUrl());
    this.query = latin1(req.getQuery() ?? '');
    const headers: Headers[number][] = [];
    req.forEach((name, value) => {
      headers.push([name, latin1(value)]);
    });
    this.#headers = headers;
  }

  get client(): string {
    return this.#res === undefined ? '' : shortAddress(Buffer.from(this.#res.getRemoteAddressAsText()).toString('latin1'));
  }

  header(name: string): string {
    return this.#headers.find(([known]) => known === name)?.[1] ?? '';
  }

  headers(): Headers {
    return this.#headers;
  }

  readBody(taking: BodyTaking): void {
    const res = this.#res;
    if (res === undefined || this.#reply.at !== 'none' || this.#body !== undefined) return;
    // What is no number is refused by the parser, after the handler.
    const told = Number(this.header('content-length')) || 0;
    const source = { pause: () => this.#pause(), resume: () => this.#resume() };
    const open = () => this.#res !== undefined && this.#reply.at !== 'over';
    const guard = (callback: () => void) => this.#guard(callback);
    const body = new IncomingBody(source, { taking, clock: this.#shared.clock, told, own: copy, open, guard });
    this.#body = body;
    if (told > taking.limit) body.refuseLong(true);
    else {
      res.onData((chunk, last) => {
        this.#busy = true;
        this.#guard(() => body.take(new Uint8Array(chunk), last));
        this.#busy = false;
      });
    }
  }

  reply(status: number, headers: Headers, body: string | Uint8Array): void {
    const res = this.#res;
    if (res === undefined || this.#reply.at !== 'none') return;
    const { lines, close } = this.#lines(headers);
    const bodiless = this.#bodiless(status);
    const bytes = typeof body === 'string' ? Buffer.from(body) : body;
    // uWebSockets closes at once after a last reply. With a request body under way the client would get a reset instead of its reply, so
    // the connection is only said to close then: the client does it, or the library's timer (10 s without a new request) does.
    const closeNow = close && !bodiless && bytes.length < corkBytes / 2 && (this.#body?.whole === true || this.method === 'GET');
    if (close && !closeNow) lines.push(['connection', 'close']);
    // `endWithoutBody(length)` would leave the response pending, hence the length as a header of our own.
    if (this.method === 'HEAD' && status !== 204 && status !== 304) lines.push(['content-length', String(bytes.length)]);
    const top = head(status, lines, this.reason);

    this.#body?.stop();
    this.#reply = { at: 'over' };
    if (!bodiless && bytes.length > corkBytes) {
      const outgoing = this.#send(res, top, bytes.length);
      outgoing.write(bytes);
      outgoing.end();
      return;
    }
    this.#res = undefined;
    res.cork(() => {
      res.writeStatus(top);
      if (bodiless) res.endWithoutBody();
      else res.end(bytes, closeNow);
    });
  }

  begin(status: number, headers: Headers, length: number | undefined): void {
    const res = this.#res;
    if (res === undefined || this.#reply.at !== 'none') return;
    const { lines, close } = this.#lines(headers);
    const bodiless = this.#bodiless(status);
    if (close) lines.push(['connection', 'close']);
    if (this.method === 'HEAD' && length !== undefined) lines.push(['content-length', String(length)]);
    const top = head(status, lines, this.reason);
    this.#reply = { at: 'begun', top, length, outgoing: bodiless ? undefined : this.#send(res, top, length) };
  }

  write(bytes: Uint8Array): boolean {
    const reply = this.#reply;
    if (reply.at !== 'begun' || reply.outgoing === undefined || bytes.length === 0) return true;
    if (reply.length !== undefined && reply.outgoing.written + bytes.length > reply.length) {
      this.#shared.fault(new RangeError(`a reply of ${reply.length} bytes has more of them, cutting it`));
      this.destroy();
      return true;
    }
    const taken = reply.outgoing.write(bytes);
    this.#hold();
    return taken;
  }

  end(): void {
    const res = this.#res;
    const reply = this.#reply;
    if (res === undefined || reply.at !== 'begun') return;
    const { top, length, outgoing } = reply;
    if (outgoing === undefined) {
      this.#body?.stop();
      this.#over();
      res.cork(() => {
        res.writeStatus(top);
        res.endWithoutBody();
      });
      return;
    }
    if (length !== undefined && outgoing.written < length) {
      this.destroy();
      return;
    }
    this.#body?.stop();
    this.#reply = { at: 'over' };
    outgoing.end();
  }

  destroy(): void {
    const res = this.#res;
    this.#over();
    res?.close();
  }

  /** Answers 500 for what the handler threw. */
  fail(cause: unknown): void {
    const asker = askerOf(this, this.#shared.nextId);
    this.#shared.fault(cause, asker.requestId);
    const { status, headers, body } = errorReply(new WorkerError('internal'), asker);
    this.reason = undefined;
    if (this.#reply.at === 'begun') this.destroy();
    else this.reply(status, headers, body);
  }

  /**
   * Answers what may be no request, or several, within the handler. The response stays open until the library has seen all that it has read, so that it takes
   * nothing of it for another request: it closes the connection then, else this does.
   */
  refuse(why: WorkerError): void {
    const { status, headers, body } = errorReply(why, askerOf(this, this.#shared.nextId));
    const all = lastReply(status, headers, this.method === 'HEAD' ? '' : body);
    this.#reply = { at: 'over' };
    this.#res?.writeStatus(all);
    setImmediate(() => this.destroy());
  }

  /** The handler has returned. */
  returned(): void {
    this.#headers = [];
    this.#busy = false;
  }

  /** The header lines to send, and whether the connection ends with this reply. */
  #lines(headers: Headers): { lines: Headers[number][]; close: boolean } {
    let close = this.#shared.draining || this.#body?.whole === false;
    const lines: Headers[number][] = [];
    for (const header of headers) {
      if (header[0] === 'connection') close ||= header[1] === 'close';
      else lines.push(header);
    }
    return { lines, close };
  }

  #bodiless(status: number): boolean {
    return this.method === 'HEAD' || status === 204 || status === 304;
  }

  #send(res: UwsResponse, top: Buffer, length: number | undefined): UwsOutgoing {
    this.#outgoing = new UwsOutgoing(res, {
      head: top,
      length,
      busy: () => this.#busy,
      completing: () => this.#body?.stop(),
      done: () => this.#over(),
      drained: () => this.#guard(() => this.onDrain?.()),
    });
    return this.#outgoing;
  }

  #pause(): void {
    this.#res?.pause();
    this.#hold();
  }

  /** The library takes up what a paused socket last waited for, or another one: hence a pause in between, when it is known to wait for the right thing. */
  #resume(): void {
    clearInterval(this.#mover);
    this.#mover = undefined;
    this.#outgoing?.advance();
    this.#res?.pause();
    this.#res?.resume();
  }

  /**
   * A paused socket waits for nothing, not even for room to write; a write that falls short lets it wait for both, and it reads again. So while the
   * request is paused and the reply under way, it is paused anew after each write, when the library is through with it, and what could not be
   * written is tried again by the clock.
   */
  #hold(): void {
    if (this.#outgoing === undefined || this.#body?.paused !== true) return;
    setImmediate(() => {
      if (this.#body?.paused === true) this.#res?.pause();
    });
    if (this.#mover !== undefined || this.#res === undefined) return;
    let inVain = 0;
    this.#mover = setInterval(() => {
      inVain = this.#outgoing?.advance() === false ? inVain + 1 : 0;
      if (this.#body?.paused === true) this.#res?.pause();
      if (inVain > movesInVain || (inVain > 0 && this.#isReset)) this.#res?.close();
    }, moveEveryMs);
  }

  /** A paused socket hears of no reset, and a write to it looks like one that finds no room; but it has no peer any more (ENOTCONN of getpeername(2)). */
  get #isReset(): boolean {
    return this.#res !== undefined && this.#res.getRemoteAddressAsText().byteLength === 0;
  }

  #aborted(): void {
    const told = this.#reply.at === 'over' ? undefined : this.onAbort;
    this.#over();
    this.onAbort = undefined;
    if (told !== undefined) this.#guard(told);
  }

  /** Nothing is touched any more. */
  #over(): void {
    this.#reply = { at: 'over' };
    this.#res = undefined;
    this.#outgoing?.close();
    clearInterval(this.#mover);
  }

  /** Runs a callback of the handler's. */
  #guard(callback: () => void): void {
    try {
      callback();
    } catch (cause) {
      this.fail(cause);
    }
  }
}
