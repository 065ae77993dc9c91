// One connection of the engine on node:http: its requests one after the other, and how it ends.
import { Socket } from 'node:net';
import type { WorkerError } from '../errors.ts';
import { askerOf, errorReply } from './error-reply.ts';
import { lastReply } from './head.ts';
import type { NodeExchange } from './node-exchange.ts';

/** Pipelined requests that wait for the reply to the one before. Whoever sends more of them is cut off: each costs some KB. */
const mostWaiting = 256;

export class NodeConnection {
  readonly #socket: Socket;
  readonly #timeoutMs: number;
  readonly #nextId: () => string;
  readonly #waiting: NodeExchange[] = [];
  #current: NodeExchange | undefined;
  #closing = false;

  constructor(socket: Socket, timeoutMs: number, nextId: () => string) {
    this.#socket = socket;
    this.#timeoutMs = timeoutMs;
    this.#nextId = nextId;
    socket.destroySoon = () => this.#repliedLast();
    // A client that only shuts down its sending side is taken for gone, as uWebSockets does: most that do it are.
    socket.on('end', () => socket.destroy());
    socket.on('close', () => this.#closed());
  }

  take(exchange: NodeExchange): void {
    if (this.#closing) return;
    if (this.#current === undefined) this.#start(exchange);
    else if (this.#waiting.push(exchange) > mostWaiting) this.#socket.destroy();
  }

  /** Answers what the parser could not read, or this server does not do, and ends the connection. */
  refuse(error: WorkerError): void {
    if (this.#closing) return; // more of the same
    this.#closing = true;
    const current = this.#current;
    // This reply may not get into another one, nor be taken for that of an earlier request. Who has sent nothing awaits none.
    if (this.#socket.bytesRead === 0 || (current !== undefined && !current.refusable)) {
      this.#socket.destroy();
      return;
    }
    this.#current = undefined;
    current?.abort();
    const { status, headers, body } = errorReply(error, current?.asker ?? askerOf({ header: () => '' }, this.#nextId));
    this.#socket.write('HTTP/1.1 ');
    this.#linger(lastReply(status, headers, body));
  }

  /** For a while nothing came and nothing went: whose turn is it? */
  idle(): void {
    if (this.#current?.idle === false) this.#socket.setTimeout(this.#timeoutMs);
    else this.#socket.destroy();
  }

  #start(exchange: NodeExchange): void {
    this.#current = exchange;
    // After the library's own listener, which gives the socket to the next reply, or ends it.
    exchange.res.once('finish', () => this.#next());
    exchange.run();
  }

  #next(): void {
    this.#current = undefined;
    const next = this.#closing ? undefined : this.#waiting.shift();
    if (next !== undefined) this.#start(next);
  }

  /** In place of the socket's destroySoon: node:http calls it when the last reply of the connection is out. */
  #repliedLast(): void {
    this.#closing = true;
    const { req } = this.#current ?? {};
    if (req === undefined || req.complete) {
      Socket.prototype.destroySoon.call(this.#socket);
      return;
    }
    req.removeAllListeners('data');
    req.once('end', () => this.#socket.destroy());
    req.resume();
    this.#linger('');
  }

  /** Ends with these last bytes, and drops what comes: closing a socket with unread bytes is a reset, and takes the reply away from the client. */
  #linger(last: string | Uint8Array): void {
    this.#socket.end(last);
    this.#socket.resume();
    const timer = setTimeout(() => this.#socket.destroy(), this.#timeoutMs);
    this.#socket.once('close', () => clearTimeout(timer));
  }

  #closed(): void {
    this.#closing = true;
    this.#waiting.length = 0;
    this.#current?.abort();
    this.#current = undefined;
  }
}
