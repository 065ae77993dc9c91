// What a front end engine gives: one Exchange a request. uws.ts and node.ts are the engines; nothing else knows their libraries.
import type { WorkerError } from '../errors.ts';
import type { RequestBody } from '../sandbox/sandbox.ts';
import type { Headers } from './head.ts';

export interface Exchange {
  /** As sent: methods are case-sensitive, so `get` is not GET. */
  readonly method: string;
  /** The path as sent, percent-encoded, without the query. */
  readonly path: string;
  /** What follows the first `?`, as sent; '' when there is none. */
  readonly query: string;
  /** Numeric address of the other end, '' when it is not known (a Unix socket). */
  readonly client: string;
  /** A request header by its lower-case name, '' when absent. Only until the handler has returned, '' afterwards. */
  header(name: string): string;
  /** All request headers in their order, names in lower case, values Latin-1. Only until the handler has returned. */
  headers(): Headers;
  /** Reads the body. Must be called before the handler returns, at most once; calls nothing back after an abort or a complete reply. */
  readBody(taking: BodyTaking): void;
  /** Called once when the client is gone before the reply was complete. Set it before the handler returns. */
  onAbort: (() => void) | undefined;
  /** What follows the status of the reply; undefined: the usual words. */
  reason: string | undefined;
  /**
   * Sends the whole reply. Ignored when the client is gone or a reply was sent. HEAD replies have no body, the length still told.
   * Header values are Latin-1, a character a byte; content-length and date are the engine's; `connection: close` ends the connection after the reply.
   *
   * @throws TypeError when the status is no final one or a header cannot be written (line breaks …); nothing was sent then.
   */
  reply(status: number, headers: Headers, body: string | Uint8Array): void;
  /**
   * Begins a reply whose body follows; sends the head with the first write (or end). `length`: bytes that it will have, undefined when nobody knows (chunked).
   * What cannot have a body (HEAD, 204, 304) drops what is written.
   *
   * @throws TypeError as reply() does.
   */
  begin(status: number, headers: Headers, length: number | undefined): void;
  /** Sends more of a reply that was begun, at once; the engine owns the bytes. False when the client does not keep up: onDrain follows. */
  write(bytes: Uint8Array): boolean;
  /** All that was written is on its way to a client that keeps up again. */
  onDrain: (() => void) | undefined;
  /** The reply that was begun is complete. One that is shorter than its length ends the connection, as destroy() does. */
  end(): void;
  /** The reply that was begun cannot be completed: cuts the connection, so that the client can tell. */
  destroy(): void;
}

/** How a body is taken. */
export interface BodyTaking {
  /** Bytes that it may have. */
  readonly limit: number;
  /** With so many it begins, if not all of it is here before. */
  readonly enough: number;
  /** Asked once when it did not come with its head: whether it begins with what is here, be it nothing. */
  early?(): boolean;
  /** Called once: it is here, or its beginning is, and what follows comes through `rest`, as fast as it is taken. */
  begin(body: RequestBody): void;
  /**
   * `body-too-large`: it is longer than `limit`, and nothing more comes. `body-late`: the client has sent nothing for as long as it may while it was waited
   * for; nothing more comes unless the body has begun, and this is called again after as long a silence.
   */
  refused(why: WorkerError): void;
}

/** Answers the exchange now or later. What it throws becomes a 500. */
export type Handler = (exchange: Exchange) => void;

/** Told what a handler or one of its callbacks threw; the caller gets a 500, if it still waits, with this id. Must not throw itself. */
export type Fault = (cause: unknown, requestId?: string) => void;

export interface Listening {
  /** 0 on a Unix socket. */
  readonly port: number;
  /** Takes no new connection; those open go on until closeAll, each ending with its next reply. */
  stopAccepting(): void;
  /** Ends every connection that is still open; exchanges without a reply are aborted. */
  closeAll(): void;
}

export type ListenOptions =
  | { readonly host: string; readonly port: number; readonly handler: Handler }
  /** Replaces a socket file that is there. */
  | { readonly path: string; readonly handler: Handler };

export interface Engine {
  /** Name and version, for the log and /status. */
  readonly name: string;
  /** Rejects when the port is taken, saying so. Port 0 takes a free one. */
  listen(options: ListenOptions): Promise<Listening>;
}
