// The engine on uWebSockets.js, and the only file that knows it. It turns every use that would abort the process into one that cannot
// happen: an exchange never touches the response after its end, no exception gets out of a callback, no borrowed memory is kept.
// The facts about the library that it relies on were read in its sources (uWebSockets v20.67: HttpContext.h, HttpResponse.h).

import type { HttpRequest, HttpResponse } from 'uWebSockets.js';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import type { RequestBody } from '../sandbox/sandbox.ts';
import { copy } from './body.ts';
import type { Engine, Exchange, Fault, Listening, ListenOptions } from './engine.ts';
import { misread } from './framing.ts';
import { type Headers, head } from './head.ts';
import { IncomingBody } from './incoming-body.ts';
import { addresses, listenError, shortAddress } from './port.ts';

type ListenSocket = object;

interface App {
  any(pattern: string, handler: (res: HttpResponse, req: HttpRequest) => void): void;
  listen(host: string, port: number, options: number, then: (socket: ListenSocket | false) => void): void;
  listen_unix(then: (socket: ListenSocket | false) => void, path: string): void;
  close(): void;
}

interface Binary {
  App(): App;
  us_listen_socket_close(socket: ListenSocket): void;
  us_socket_local_port(socket: ListenSocket): number;
  _cfg(key: string): void;
}

// LIBUS_LISTEN_EXCLUSIVE_PORT. Without it a second worker would share the port silently.
const exclusivePort = 1;
// What uWebSockets gathers before a write. Up to here `end` costs no more memory than the library has anyway.
const corkBytes = 16 * 1024;

const headerLimit = 'UWS_HTTP_MAX_HEADERS_SIZE';

/**
 * `headerBytes`: what the head of a request may have. The first engine of a process decides for all.
 *
 * @throws Error when no uWebSockets.js is installed that this Node can load.
 */
export function uwsEngine(fault: Fault, headerBytes = 16 << 10): Engine {
  const { binary, name } = load(headerBytes);
  binary._cfg('silent'); // no `uWebSockets: 20` in every reply
  return { name, listen: (options) => listen(binary, fault, options) };
}

/** Loads the binary itself: a package that fails inside its own loader ends the process on Node 20, even within try. */
function load(headerBytes: number): { binary: Binary; name: string } {
  const file = `uws_${process.platform}_${process.arch}_${process.versions.modules}.node`;
  const entry = import.meta.resolve('uWebSockets.js');
  // Upstream keeps its binaries beside the entry, repacks one directory down.
  const path = [`./${file}`, `./bin/${file}`].map((place) => fileURLToPath(new URL(place, entry))).find((place) => existsSync(place));
  if (path === undefined) {
    throw new Error(`load uWebSockets.js: it has no ${file} (Node ${process.version}; take a Node version it was built for)`);
  }
  const require = createRequire(import.meta.url);
  process.env[headerLimit] = String(headerBytes); // read when it is loaded
  try {
    return { binary: require(path) as Binary, name: `uWebSockets.js ${version(entry)}` };
  } catch (cause) {
    throw new Error(`load uWebSockets.js: ${file} does not load here (its libc may be newer than the one of this machine)`, { cause });
  } finally {
    delete process.env[headerLimit]; // nothing for child processes
  }
}

function version(entry: string): string {
  const manifest = ['./package.json', '../package.json'].map((place) => new URL(place, entry)).find((place) => existsSync(place));
  if (manifest === undefined) return 'of unknown version';
  const { name, version } = JSON.parse(readFileSync(manifest, 'utf8')) as { name: string; version: string };
  return `(${name} ${version})`;
}

async function listen(binary: Binary, fault: Fault, options: ListenOptions): Promise<Listening> {
  const server: Server = { fault, draining: false };
  const app = binary.App();
  app.any('/*', (res, req) => {
    const exchange = new UwsExchange(server, res, req);
    try {
      // Without a word: after a reply the library would read on, and answer what it takes for the next request.
      if (misread(exchange.headers()) !== undefined) exchange.destroy();
      else options.handler(exchange);
    } catch (cause) {
      exchange.fail(cause);
    }
    exchange.forgetRequest();
  });
  const sockets = 'path' in options ? [bindPath(app, options.path)] : await bindPort(binary, app, options);
  const [first] = sockets;
  return {
    port: 'path' in options || first === undefined ? 0 : binary.us_socket_local_port(first),
    stopAccepting() {
      server.draining = true;
      for (const socket of sockets.splice(0)) binary.us_listen_socket_close(socket);
    },
    closeAll() {
      server.draining = true;
      sockets.length = 0; // app.close() closes these too; a closed one must not be closed again
      app.close();
    },
  };
}

async function bindPort(binary: Binary, app: App, options: { host: string; port: number }): Promise<ListenSocket[]> {
  const sockets: ListenSocket[] = [];
  let port = options.port;
  for (const host of addresses(options.host)) {
    const socket = bind(app, host, port);
    if (socket === undefined) {
      app.close();
      throw await listenError(host, port);
    }
    sockets.push(socket);
    port = binary.us_socket_local_port(socket);
  }
  return sockets;
}

// uWebSockets takes over whatever is there, a live socket too: whoever may listen here has to be settled before.
function bindPath(app: App, path: string): ListenSocket {
  rmSync(path, { force: true });
  const umask = process.umask(0o177);
  const bound: ListenSocket[] = [];
  app.listen_unix((socket) => {
    if (socket !== false) bound.push(socket);
  }, path);
  process.umask(umask);
  const [socket] = bound;
  if (socket !== undefined) return socket;
  app.close();
  throw new Error(`listen on the socket "${path}": not possible (is the path longer than 107 bytes, or its directory missing?)`);
}

function bind(app: App, host: string, port: number): ListenSocket | undefined {
  const bound: ListenSocket[] = [];
  app.listen(host, port, exclusivePort, (socket) => {
    if (socket !== false) bound.push(socket);
  });
  return bound[0]; // the callback runs before listen returns
}

/** What all exchanges of a listener share. */
interface Server {
  readonly fault: Fault;
  draining: boolean;
}

/** `whole`: the reply is sent at once. `begun`: its body follows, `headed` as soon as the head is on its way. */
type ReplyState = { readonly at: 'none' | 'whole' | 'over' } | Begun;

interface Begun {
  readonly at: 'begun';
  readonly top: Buffer;
  readonly bodiless: boolean;
  readonly length: number | undefined;
  readonly close: boolean;
  headed: boolean;
  /** Of a reply with a length: what the socket did not take yet, and how much it took. */
  rest: Uint8Array;
  taken: number;
}

class UwsExchange implements Exchange {
  readonly method: string;
  readonly path: string;
  readonly query: string;
  onAbort: (() => void) | undefined = undefined;
  onDrain: (() => void) | undefined = undefined;
  readonly #server: Server;
  /** Undefined once it may not be touched: the reply is complete, or the client is gone. */
  #res: HttpResponse | undefined;
  /** Empty once the handler has returned. */
  #headers: Headers;
  #body: IncomingBody | undefined;
  #reply: ReplyState = { at: 'none' };

  constructor(server: Server, res: HttpResponse, req: HttpRequest) {
    this.#server = server;
    this.#res = res;
    const headers: Headers[number][] = [];
    req.forEach((name, value) => {
      headers.push([name, latin1(value)]);
    });
    this.#headers = headers;
    // First of all: a handler that returns without an answer and without this aborts the process.
    res.onAborted(() => this.#aborted());
    this.method = req.getCaseSensitiveMethod();
    this.path = latin1(req.getUrl());
    this.query = latin1(req.getQuery() ?? '');
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

  readBody(limit: number, enough: number, then: (body: RequestBody) => void, over: () => void): void {
    const res = this.#res;
    if (res === undefined || this.#reply.at !== 'none' || this.#body !== undefined) return;
    // What is no number is refused by the parser, after the handler.
    const told = Number(this.header('content-length')) || 0;
    const open = () => this.#res !== undefined && this.#reply.at !== 'whole' && this.#reply.at !== 'over';
    const body = new IncomingBody(res, { limit, enough, told, own: copy, open, begin: then, over });
    this.#body = body;
    if (told > limit) body.refuse(true);
    else res.onData((chunk, last) => this.#guard(() => body.take(new Uint8Array(chunk), last)));
  }

  reply(status: number, headers: Headers, body: string | Uint8Array): void {
    const res = this.#res;
    if (res === undefined || this.#reply.at !== 'none') return;
    const { lines, close } = this.#lines(headers);
    const bodiless = this.method === 'HEAD' || status === 204 || status === 304;
    const bytes = typeof body === 'string' ? Buffer.from(body) : body;
    // uWebSockets closes at once after a last reply. With a request body under way the client would get a reset instead of its reply, so
    // the connection is only said to close then: the client does it, or the library's timer (10 s without a new request) does.
    const closeNow = close && !bodiless && bytes.length < corkBytes / 2 && (this.#body?.whole === true || this.method === 'GET');
    if (close && !closeNow) lines.push(['connection', 'close']);
    // `endWithoutBody(length)` would leave the response pending, hence the length as a header of our own.
    if (this.method === 'HEAD' && status !== 204 && status !== 304) lines.push(['content-length', String(bytes.length)]);
    const top = head(status, lines);

    this.#body?.stop();
    this.#reply = { at: 'whole' };
    res.cork(() => {
      res.writeStatus(top);
      if (!bodiless && bytes.length > corkBytes) return this.#stream(res, bytes);
      this.#res = undefined;
      if (bodiless) res.endWithoutBody();
      else res.end(bytes, closeNow);
    });
  }

  begin(status: number, headers: Headers, length: number | undefined): void {
    const res = this.#res;
    if (res === undefined || this.#reply.at !== 'none') return;
    const { lines, close } = this.#lines(headers);
    const bodiless = this.method === 'HEAD' || status === 204 || status === 304;
    if (close) lines.push(['connection', 'close']);
    if (bodiless && length !== undefined && this.method === 'HEAD') lines.push(['content-length', String(length)]);
    const top = head(status, lines);
    this.#reply = { at: 'begun', top, bodiless, length, close, headed: false, rest: nothing, taken: 0 };
    res.onWritable(() => this.#writable());
  }

  write(bytes: Uint8Array): boolean {
    const res = this.#res;
    const reply = this.#reply;
    if (res === undefined || reply.at !== 'begun' || reply.bodiless || bytes.length === 0) return true;
    if (reply.length === undefined) return this.#corked(res, reply, () => res.write(bytes));
    if (reply.taken + reply.rest.length + bytes.length > reply.length) {
      this.#server.fault(new RangeError(`a reply of ${reply.length} bytes has more of them, cutting it`));
      this.destroy();
      return true;
    }
    const waits = reply.rest.length > 0;
    reply.rest = waits ? Buffer.concat([reply.rest, bytes]) : bytes;
    return waits ? false : this.#corked(res, reply, () => this.#push(res, reply));
  }

  end(): void {
    const res = this.#res;
    const reply = this.#reply;
    if (res === undefined || reply.at !== 'begun') return;
    if (reply.length !== undefined && !reply.bodiless && reply.length > 0) {
      if (reply.taken + reply.rest.length < reply.length) this.destroy();
      return; // what the socket has not taken yet follows, and completes the reply
    }
    this.#body?.stop();
    this.#corked(res, reply, () => {
      this.#reply = { at: 'over' };
      this.#res = undefined;
      if (reply.bodiless) res.endWithoutBody();
      else res.end(); // where the connection is to close, the head says so: asking for it here would write that once more, into the body
      return true;
    });
  }

  destroy(): void {
    const res = this.#res;
    this.#reply = { at: 'over' };
    this.#res = undefined;
    res?.close();
  }

  /** Answers 500 for what the handler threw. */
  fail(cause: unknown): void {
    this.#server.fault(cause);
    if (this.#reply.at === 'begun') this.destroy();
    else this.reply(500, [plain], 'internal error\n');
  }

  forgetRequest(): void {
    this.#headers = [];
  }

  /** The header lines to send, and whether the connection ends with this reply. */
  #lines(headers: Headers): { lines: Headers[number][]; close: boolean } {
    let close = this.#server.draining || this.#body?.whole === false;
    const lines: Headers[number][] = [];
    for (const header of headers) {
      if (header[0] === 'connection') close ||= header[1] === 'close';
      else lines.push(header);
    }
    return { lines, close };
  }

  #corked(res: HttpResponse, reply: Begun, write: () => boolean): boolean {
    let taken = true;
    res.cork(() => {
      if (!reply.headed) res.writeStatus(reply.top);
      reply.headed = true;
      taken = write();
    });
    return taken;
  }

  /** Gives the socket what it takes of `rest`. True when that was all. */
  #push(res: HttpResponse, reply: Begun): boolean {
    const before = res.getWriteOffset();
    if (reply.taken + reply.rest.length === reply.length) this.#body?.stop(); // this may complete it, and then the response is gone
    const [ok, done] = res.tryEnd(reply.rest, reply.length ?? 0);
    if (done) {
      this.#reply = { at: 'over' };
      this.#res = undefined;
      return true;
    }
    const took = ok ? reply.rest.length : res.getWriteOffset() - before;
    reply.taken += took;
    reply.rest = reply.rest.subarray(took);
    return ok;
  }

  #writable(): boolean {
    const res = this.#res;
    const reply = this.#reply;
    if (res === undefined || reply.at !== 'begun') return true;
    if (reply.rest.length > 0 && !this.#corked(res, reply, () => this.#push(res, reply))) return false;
    if (this.onDrain !== undefined) this.#guard(this.onDrain);
    return true;
  }

  /** Sends as much as the socket takes, the rest as it drains: `end` would copy all of it into the library's own buffer. */
  #stream(res: HttpResponse, bytes: Uint8Array): void {
    const more = (offset: number): boolean => {
      const [ok, done] = res.tryEnd(bytes.subarray(offset), bytes.length);
      if (done) this.#res = undefined;
      return ok;
    };
    if (more(0) || this.#res === undefined) return;
    res.onWritable((offset) => this.#res === undefined || more(offset));
  }

  #aborted(): void {
    this.#res = undefined;
    const tell = this.onAbort;
    this.onAbort = undefined;
    if (this.#reply.at !== 'whole' && this.#reply.at !== 'over' && tell !== undefined) this.#guard(tell);
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

const nothing = new Uint8Array(0);
const plain = ['content-type', 'text/plain; charset=utf-8'] as const;

/** The library reads what it gets as UTF-8. Back to a character a byte. */
function latin1(text: string): string {
  return /^[\0-\x7f]*$/.test(text) ? text : Buffer.from(text).toString('latin1');
}
