// The engine on node:http, for machines where uWebSockets.js has no binary. What the library leaves open is closed here: limits and times
// for all that a client may do slowly, requests of a connection strictly one after the other, refusals that say why.
// Where it differs from uws.ts: HTTP/1.0 is served, pipelined requests wait for their turn, methods are those of `http.METHODS` only.
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo, Server as NetServer } from 'node:net';
import type { Duplex } from 'node:stream';
import { WorkerError } from '../errors.ts';
import { requestIds } from '../observe/ids.ts';
import { BodyClock } from './body-clock.ts';
import type { Engine, Fault, Listening, ListenOptions } from './engine.ts';
import { NodeConnection } from './node-connection.ts';
import { NodeExchange, type Shared } from './node-exchange.ts';
import { addresses, listenError } from './port.ts';

export interface NodeEngineOptions {
  /** Bytes that the head of a request may have. */
  readonly headerBytes?: number;
  /**
   * How long a connection may be without a request, a head take as a whole, and a client take nothing of its reply. uWebSockets.js has 10 s, too.
   */
  readonly timeoutMs?: number;
  /** How long a client may send nothing of a body that is waited for. */
  readonly silenceMs?: number;
}

export function nodeEngine(
  fault: Fault,
  { headerBytes = 16 << 10, timeoutMs = 10_000, silenceMs = 30_000 }: NodeEngineOptions = {},
): Engine {
  return {
    name: `node:http (Node ${process.version})`,
    listen: (options) => listen(fault, options, { headerBytes, timeoutMs, silenceMs }),
  };
}

type Limits = Required<NodeEngineOptions>;
type Connections = Map<Duplex, NodeConnection>;

async function listen(fault: Fault, options: ListenOptions, limits: Limits): Promise<Listening> {
  const shared: Shared = { handler: options.handler, fault, clock: new BodyClock(limits.silenceMs), nextId: requestIds(), draining: false };
  const connections: Connections = new Map();
  const servers: Server[] = [];
  const stopAccepting = () => {
    shared.draining = true;
    // Not the one of http.Server, which ends idle connections as well: their clients may be about to send.
    for (const server of servers) NetServer.prototype.close.call(server);
  };
  const closeAll = () => {
    shared.draining = true;
    for (const server of servers.splice(0)) server.close();
    for (const socket of connections.keys()) socket.destroy();
  };
  const add = () => {
    const server = makeServer(shared, connections, limits);
    servers.push(server);
    return server;
  };

  let port = 0;
  try {
    if ('path' in options) await bindPath(add(), options.path);
    else {
      port = options.port;
      for (const host of addresses(options.host)) port = await bindPort(add(), host, port);
    }
  } catch (cause) {
    closeAll();
    throw cause;
  }
  for (const server of servers) server.on('error', fault); // one connection could not be accepted
  return { port, stopAccepting, closeAll };
}

async function bindPort(server: Server, host: string, port: number): Promise<number> {
  server.listen({ host, port, exclusive: true });
  await once(server, 'listening').catch(async () => {
    throw await listenError(host, port);
  });
  return (server.address() as AddressInfo).port;
}

async function bindPath(server: Server, path: string): Promise<void> {
  // The system's limit; Node would cut the path off there.
  if (Buffer.byteLength(path) > 107) throw new Error(`listen on the socket "${path}": not possible (the path is longer than 107 bytes)`);
  rmSync(path, { force: true });
  const umask = process.umask(0o177);
  server.listen({ path, exclusive: true }); // binds at once
  process.umask(umask);
  await once(server, 'listening').catch((cause: unknown) => {
    throw new Error(`listen on the socket "${path}": not possible (is its directory missing, or not for this user?)`, { cause });
  });
}

function makeServer(shared: Shared, connections: Connections, { headerBytes, timeoutMs }: Limits): Server {
  const server = createServer({
    maxHeaderSize: headerBytes,
    headersTimeout: timeoutMs,
    requestTimeout: 0, // a long upload is no fault, one that has stopped is: `timeout`
    keepAliveTimeout: timeoutMs,
    connectionsCheckingInterval: Math.ceil(timeoutMs / 8),
    insecureHTTPParser: false, // whatever NODE_OPTIONS says
    requireHostHeader: false, // the exchange looks, and says what is missing
  });
  server.timeout = timeoutMs;
  server.maxHeadersCount = 0; // headers beyond would be dropped silently; their bytes are limited
  server.on('connection', (socket) => {
    connections.set(socket, new NodeConnection(socket, timeoutMs, shared.nextId));
    socket.once('close', () => connections.delete(socket));
  });
  const take = (expects: boolean) => (req: IncomingMessage, res: ServerResponse) =>
    connections.get(req.socket)?.take(new NodeExchange(shared, { req, res, expects }));
  server.on('request', take(false));
  server.on('checkContinue', take(true));
  server.on('connect', (_, socket) =>
    connections.get(socket)?.refuse(new WorkerError('method-not-allowed', { methods: { sent: 'CONNECT', allowed: [] } })),
  );
  server.on('timeout', (socket) => connections.get(socket)?.idle());
  server.on('clientError', (error: NodeJS.ErrnoException & { reason?: string }, socket) => {
    const connection = connections.get(socket);
    if (error.code === 'ERR_HTTP_REQUEST_TIMEOUT') connection?.refuse(new WorkerError('head-late', { detail: `${timeoutMs / 1000} s` }));
    else if (error.code === 'HPE_HEADER_OVERFLOW')
      connection?.refuse(new WorkerError('head-too-large', { detail: `over ${headerBytes} bytes` }));
    else if (error.code?.startsWith('HPE_') === true)
      connection?.refuse(new WorkerError('request-invalid', { detail: error.reason ?? error.code }));
    else socket.destroy();
  });
  return server;
}
