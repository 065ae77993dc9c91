// One request on node:http as an Exchange.
import { type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http';
import { WorkerError } from '../errors.ts';
import type { BodyClock } from './body-clock.ts';
import type { BodyTaking, Exchange, Fault, Handler } from './engine.ts';
import { type Asker, askerOf, errorReply } from './error-reply.ts';
import { misread } from './framing.ts';
import { type Headers, head } from './head.ts';
import { IncomingBody } from './incoming-body.ts';
import { shortAddress } from './port.ts';

/** What all exchanges of a listener share. */
export interface Shared {
  readonly handler: Handler;
  readonly fault: Fault;
  readonly clock: BodyClock;
  readonly nextId: () => string;
  draining: boolean;
}

export interface Message {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  /** The client waits for `100 Continue` before it sends the body. */
  readonly expects: boolean;
}

type ReplyState =
  | { readonly at: 'none' | 'over' }
  | { readonly at: 'begun'; readonly bodiless: boolean; readonly length: number | undefined; written: number };

/** Written by the engine, so not taken from the handler. */
const owned: ReadonlySet<string> = new Set(['connection', 'content-length', 'date', 'transfer-encoding']);
const nothing = new Uint8Array(0);

export class NodeExchange implements Exchange {
  readonly method: string;
  readonly path: string;
  readonly query: string;
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  onAbort: (() => void) | undefined = undefined;
  onDrain: (() => void) | undefined = undefined;
  reason: string | undefined = undefined;
  readonly #shared: Shared;
  /** Empty once the handler has returned. */
  #headers: Headers;
  #expects: boolean;
  #body: IncomingBody | undefined;
  #reply: ReplyState = { at: 'none' };

  constructor(shared: Shared, { req, res, expects }: Message) {
    this.#shared = shared;
    this.req = req;
    this.res = res;
    this.#expects = expects;
    this.#headers = pairs(req.rawHeaders);
    this.method = req.method ?? '';
    const target = originForm(req.url ?? '');
    const question = target.indexOf('?');
    this.path = question === -1 ? target : target.slice(0, question);
    this.query = question === -1 ? '' : target.slice(question + 1);
    res.on('error', ignore); // written to while the socket goes away: it tells itself
  }

  /** Its turn has come. */
  run(): void {
    const wrong = this.#wrong();
    if (wrong === undefined) this.#guard(() => this.#shared.handler(this));
    else this.#refuse(wrong, this.asker, [['connection', 'close']]);
    this.#headers = [];
  }

  /** Whom a reply of the engine's own is for. */
  get asker(): Asker {
    return askerOf({ header: (name) => String(this.req.headers[name] ?? '') }, this.#shared.nextId);
  }

  get client(): string {
    return shortAddress(this.req.socket.remoteAddress ?? '');
  }

  header(name: string): string {
    return this.#headers.find(([known]) => known === name)?.[1] ?? '';
  }

  headers(): Headers {
    return this.#headers;
  }

  readBody(taking: BodyTaking): void {
    if (this.#reply.at !== 'none' || this.#body !== undefined) return;
    const { req, res } = this;
    const told = Number(this.header('content-length')) || 0;
    const source = { pause: () => req.pause(), resume: () => req.resume() };
    const open = () => this.#reply.at !== 'over';
    const guard = (callback: () => void) => this.#guard(callback);
    const body = new IncomingBody(source, { taking, clock: this.#shared.clock, told, own: (chunk) => chunk, open, guard });
    this.#body = body;
    if (told > taking.limit) {
      body.refuseLong(true);
      return;
    }
    if (this.#expects) res.writeContinue();
    this.#expects = false;
    req.on('data', (chunk: Buffer) => this.#guard(() => body.take(chunk, false)));
    req.on('end', () => this.#guard(() => body.take(nothing, true)));
  }

  reply(status: number, headers: Headers, body: string | Uint8Array): void {
    if (this.#reply.at !== 'none') return;
    const bytes = typeof body === 'string' ? Buffer.from(body) : body;
    this.#writeHead(status, headers, bytes.length);
    this.#body?.stop();
    this.#reply = { at: 'over' };
    this.res.end(bytes); // not a string: the head would be sent in its encoding
  }

  begin(status: number, headers: Headers, length: number | undefined): void {
    if (this.#reply.at !== 'none') return;
    this.#writeHead(status, headers, length);
    this.#reply = { at: 'begun', bodiless: this.method === 'HEAD' || status === 204 || status === 304, length, written: 0 };
    this.res.on('drain', () => this.#guard(() => this.onDrain?.()));
  }

  write(bytes: Uint8Array): boolean {
    const reply = this.#reply;
    if (reply.at !== 'begun' || reply.bodiless || bytes.length === 0) return true;
    reply.written += bytes.length;
    if (reply.length === undefined || reply.written <= reply.length) return this.res.write(bytes);
    this.#shared.fault(new RangeError(`a reply of ${reply.length} bytes has more of them, cutting it`));
    this.destroy();
    return true;
  }

  end(): void {
    const reply = this.#reply;
    if (reply.at !== 'begun') return;
    if (reply.length !== undefined && !reply.bodiless && reply.written < reply.length) {
      this.destroy();
      return;
    }
    this.#body?.stop();
    this.#reply = { at: 'over' };
    this.res.end();
  }

  destroy(): void {
    const { socket } = this.req;
    const tillClose = this.#reply.at === 'begun' && this.#reply.length === undefined && this.req.httpVersion !== '1.1';
    this.#reply = { at: 'over' };
    // Where the end of the connection is the end of the body, only a reset tells that there should have been more.
    if (tillClose && socket.remoteFamily !== undefined) socket.resetAndDestroy();
    else socket.destroy();
  }

  /** The client is gone. */
  abort(): void {
    if (this.#reply.at === 'over') return;
    this.#reply = { at: 'over' };
    this.#guard(() => this.onAbort?.());
  }

  /** Whether it is the client that does nothing: it could take its reply. */
  get idle(): boolean {
    return this.res.writableLength > 0;
  }

  /** Whether a refusal can be its reply: there is none yet, and it is in this request that something is wrong. */
  get refusable(): boolean {
    return this.#reply.at === 'none' && !this.req.complete;
  }

  /** What the parser lets pass and is no request to this server. */
  #wrong(): WorkerError | undefined {
    const version = this.req.httpVersion;
    if (version !== '1.1' && version !== '1.0') return new WorkerError('version-unknown');
    const detail = misread(this.#headers) ?? (version === '1.1' && this.header('host') === '' ? 'it has no Host header' : undefined);
    return detail === undefined ? undefined : new WorkerError('request-invalid', { detail });
  }

  #refuse(error: WorkerError, asker: Asker, more: Headers = []): void {
    const { status, headers, body } = errorReply(error, asker);
    this.reply(status, [...headers, ...more], body);
  }

  /** Sent with what is written first. */
  #writeHead(status: number, headers: Headers, length: number | undefined): void {
    let close = this.#shared.draining || this.#expects || this.#body?.whole === false;
    const lines: string[] = [];
    for (const [name, value] of headers) {
      if (!owned.has(name)) lines.push(name, value);
      else if (name === 'connection') close ||= value === 'close';
    }
    if (length !== undefined && status !== 204 && status !== 304) lines.push('content-length', String(length));
    if (close) lines.push('connection', 'close');
    head(status, headers, this.reason); // throws for what the library would let pass
    this.res.writeHead(status, this.reason ?? STATUS_CODES[status] ?? 'Unknown', lines);
  }

  /** Runs what is the handler's: what it throws is told, and becomes a 500 if that can be. */
  #guard(callback: () => void): void {
    try {
      callback();
    } catch (cause) {
      const { asker } = this;
      this.#shared.fault(cause, asker.requestId);
      this.reason = undefined;
      if (this.#reply.at === 'begun') this.destroy();
      else this.#refuse(new WorkerError('internal'), asker);
    }
  }
}

function pairs(raw: readonly string[]): Headers {
  const list: Headers[number][] = [];
  for (let i = 0; i < raw.length; i += 2) list.push([(raw[i] ?? '').toLowerCase(), raw[i + 1] ?? '']);
  return list;
}

/** What a proxy is sent, `http://host/path`, as `/path` (RFC 9112, 3.2.2). */
function originForm(target: string): string {
  if (target.startsWith('/')) return target;
  const path = target.replace(/^[a-z][a-z0-9+.-]*:\/\/[^/?#]*/i, '');
  return path === target || path.startsWith('/') ? path : `/${path}`;
}

function ignore(): void {}
