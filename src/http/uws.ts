// The engine on uWebSockets.js, and the only file that knows it. It turns every use that would abort the process into one that cannot
// happen: an exchange never touches the response after its end, no exception gets out of a callback, no borrowed memory is kept.
// The facts about the library that it relies on were read in its sources (uWebSockets v20.67: HttpContext.h, HttpResponse.h).

import type { HttpRequest, HttpResponse } from 'uWebSockets.js';
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { copy, Gathering } from './body.ts';
import type { Engine, Exchange, Handler, Listening } from './engine.ts';
import { type Headers, head } from './head.ts';
import { addresses, listenError } from './port.ts';

/** Told what a handler or one of its callbacks threw; the caller gets a 500, if it still waits. Must not throw itself. */
export type Fault = (cause: unknown) => void;

type ListenSocket = object;

interface App {
  any(pattern: string, handler: (res: HttpResponse, req: HttpRequest) => void): void;
  listen(host: string, port: number, options: number, then: (socket: ListenSocket | false) => void): void;
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

/** @throws Error when no uWebSockets.js is installed that this Node can load. */
export function uwsEngine(fault: Fault): Engine {
  const { binary, name } = load();
  binary._cfg('silent'); // no `uWebSockets: 20` in every reply
  return { name, listen: (options) => listen(binary, fault, options) };
}

/** Loads the binary itself: a package that fails inside its own loader ends the process on Node 20, even within try. */
function load(): { binary: Binary; name: string } {
  const file = `uws_${process.platform}_${process.arch}_${process.versions.modules}.node`;
  const entry = import.meta.resolve('uWebSockets.js');
  // Upstream keeps its binaries beside the entry, repacks one directory down.
  const path = [`./${file}`, `./bin/${file}`].map((place) => fileURLToPath(new URL(place, entry))).find((place) => existsSync(place));
  if (path === undefined) {
    throw new Error(`load uWebSockets.js: it has no ${file} (Node ${process.version}; take a Node version it was built for)`);
  }
  const require = createRequire(import.meta.url);
  try {
    return { binary: require(path) as Binary, name: `uWebSockets.js ${version(entry)}` };
  } catch (cause) {
    throw new Error(`load uWebSockets.js: ${file} does not load here (its libc may be newer than the one of this machine)`, { cause });
  }
}

function version(entry: string): string {
  const manifest = ['./package.json', '../package.json'].map((place) => new URL(place, entry)).find((place) => existsSync(place));
  if (manifest === undefined) return 'of unknown version';
  const { name, version } = JSON.parse(readFileSync(manifest, 'utf8')) as { name: string; version: string };
  return `(${name} ${version})`;
}

async function listen(binary: Binary, fault: Fault, options: { host: string; port: number; handler: Handler }): Promise<Listening> {
  const server: Server = { fault, draining: false };
  const app = binary.App();
  app.any('/*', (res, req) => {
    const exchange = new UwsExchange(server, res, req);
    try {
      options.handler(exchange);
    } catch (cause) {
      exchange.fail(cause);
    }
    exchange.forgetRequest();
  });

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

  return {
    port,
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

/**
 * `unread`: nobody asked for it (the parser drops it); `reading`: chunks come in; `whole`: all of it is here;
 * `over`: longer than the limit, and what still comes is dropped.
 */
type BodyState = 'unread' | 'reading' | 'whole' | 'over';

class UwsExchange implements Exchange {
  readonly method: string;
  readonly path: string;
  onAbort: (() => void) | undefined = undefined;
  readonly #server: Server;
  /** Undefined once it may not be touched: the reply is complete, or the client is gone. */
  #res: HttpResponse | undefined;
  /** Undefined once the handler has returned. */
  #req: HttpRequest | undefined;
  #replied = false;
  #body: BodyState = 'unread';

  constructor(server: Server, res: HttpResponse, req: HttpRequest) {
    this.#server = server;
    this.#res = res;
    this.#req = req;
    // First of all: a handler that returns without an answer and without this aborts the process.
    res.onAborted(() => this.#aborted());
    this.method = req.getCaseSensitiveMethod();
    this.path = req.getUrl();
  }

  header(name: string): string {
    return this.#req?.getHeader(name) ?? '';
  }

  readBody(limit: number, then: (body: Uint8Array | undefined) => void): void {
    const res = this.#res;
    if (res === undefined || this.#replied || this.#body !== 'unread') return;
    // What is no number is refused by the parser, after the handler.
    const told = Number(this.header('content-length')) || 0;
    if (told > limit) {
      this.#body = 'over';
      then(undefined);
      return;
    }
    this.#body = 'reading';
    let gathering: Gathering | undefined;
    res.onData((chunk, last) => {
      if (this.#body !== 'reading' || this.#res === undefined || this.#replied) return;
      let body: Uint8Array | undefined;
      if (gathering === undefined && last && chunk.byteLength <= limit) {
        body = copy(chunk);
      } else {
        gathering ??= new Gathering(limit, told);
        if (gathering.add(chunk)) {
          if (!last) return;
          body = gathering.take();
        }
        gathering = undefined;
      }
      this.#body = body === undefined ? 'over' : 'whole';
      if (body === undefined && !last) res.pause(); // the sender waits, and nothing of the rest is read
      this.#guard(() => then(body));
    });
  }

  reply(status: number, headers: Headers, body: string | Uint8Array): void {
    const res = this.#res;
    if (res === undefined || this.#replied) return;
    let close = this.#server.draining || this.#body === 'reading' || this.#body === 'over';
    const lines: Headers[number][] = [];
    for (const header of headers) {
      if (header[0] === 'connection') close ||= header[1] === 'close';
      else lines.push(header);
    }
    const bodiless = this.method === 'HEAD' || status === 204 || status === 304;
    const bytes = typeof body === 'string' ? Buffer.from(body) : body;
    // uWebSockets closes at once after a last reply. With a request body under way the client would get a reset instead of its reply, so
    // the connection is only said to close then: the client does it, or the library's timer (10 s without a new request) does.
    const closeNow = close && !bodiless && bytes.length < corkBytes / 2 && (this.#body === 'whole' || this.method === 'GET');
    if (close && !closeNow) lines.push(['connection', 'close']);
    // `endWithoutBody(length)` would leave the response pending, hence the length as a header of our own.
    if (this.method === 'HEAD' && status !== 204 && status !== 304) lines.push(['content-length', String(bytes.length)]);
    const top = head(status, lines);

    this.#replied = true;
    if (this.#body === 'reading') res.pause();
    res.cork(() => {
      res.writeStatus(top);
      if (!bodiless && bytes.length > corkBytes) return this.#stream(res, bytes);
      this.#res = undefined;
      if (bodiless) res.endWithoutBody();
      else res.end(bytes, closeNow);
    });
  }

  /** Answers 500 for what the handler threw. */
  fail(cause: unknown): void {
    this.#server.fault(cause);
    this.reply(500, [['content-type', 'text/plain; charset=utf-8']], 'internal error\n');
  }

  forgetRequest(): void {
    this.#req = undefined;
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
    if (!this.#replied && tell !== undefined) this.#guard(tell);
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
