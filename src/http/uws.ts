// The engine on uWebSockets.js, and the only file that knows it. With uws-exchange.ts it turns every use that would abort the process into one
// that cannot happen. What the library cannot do: HTTP/1.0, trailers and chunk extensions, a request behind one that is not answered yet,
// targets in absolute form. A client that shuts down its sending side is gone for it; node.ts does the same.
// The facts that it relies on were read in the sources (uWebSockets v20.67: AsyncSocket.h, HttpContext.h, HttpResponse.h) and tried.

import type { HttpRequest, HttpResponse } from 'uWebSockets.js';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { WorkerError } from '../errors.ts';
import { requestIds } from '../observe/ids.ts';
import { BodyClock } from './body-clock.ts';
import type { Engine, Fault, Listening, ListenOptions } from './engine.ts';
import { misread } from './framing.ts';
import { addresses, listenError } from './port.ts';
import { type Shared, UwsExchange } from './uws-exchange.ts';

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

const headerLimit = 'UWS_HTTP_MAX_HEADERS_SIZE';

export interface UwsEngineOptions {
  /** Bytes that the head of a request may have. The first engine of a process decides for all. */
  readonly headerBytes?: number;
  /** How long a client may send nothing of a body that is waited for. */
  readonly silenceMs?: number;
}

/**
 *
 * @throws Error when no uWebSockets.js is installed that this Node can load.
 */
export function uwsEngine(fault: Fault, { headerBytes = 16 << 10, silenceMs = 30_000 }: UwsEngineOptions = {}): Engine {
  const { binary, name } = load(headerBytes);
  binary._cfg('silent'); // no `uWebSockets: 20` in every reply
  return {
    name,
    listen: (options) => listen(binary, { fault, clock: new BodyClock(silenceMs), nextId: requestIds(), draining: false }, options),
  };
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

async function listen(binary: Binary, server: Shared, options: ListenOptions): Promise<Listening> {
  const app = binary.App();
  app.any('/*', (res, req) => {
    const exchange = new UwsExchange(server, res, req);
    try {
      const detail = misread(exchange.headers());
      if (detail === undefined) options.handler(exchange);
      else exchange.refuse(new WorkerError('request-invalid', { detail }));
    } catch (cause) {
      exchange.fail(cause);
    }
    exchange.returned();
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
