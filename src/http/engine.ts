// What a front end engine gives: one Exchange a request. uws.ts is the engine; nothing else knows uWebSockets.

export interface Exchange {
  /** As sent: methods are case-sensitive, so `get` is not GET. */
  readonly method: string;
  /** The path as sent, percent-encoded, without the query. */
  readonly path: string;
  /** A request header by its lower-case name, '' when absent. Only until the handler has returned, '' afterwards. */
  header(name: string): string;
  /**
   * Reads the body, at most `limit` bytes, and calls back once: with the bytes (owned by the receiver), or with undefined when it is longer,
   * which may be at once. Must be called before the handler returns, at most once; not called back after an abort or a reply.
   */
  readBody(limit: number, then: (body: Uint8Array | undefined) => void): void;
  /** Called once when the client is gone before the reply was sent. Set it before the handler returns. */
  onAbort: (() => void) | undefined;
  /**
   * Sends the whole reply. Ignored when the client is gone or a reply was sent. HEAD replies have no body, the length still told.
   * Header values are Latin-1, a character a byte; content-length and date are the engine's; `connection: close` ends the connection after the reply.
   *
   * @throws TypeError when the status is no final one or a header cannot be written (line breaks …); nothing was sent then.
   */
  reply(status: number, headers: readonly (readonly [name: string, value: string])[], body: string | Uint8Array): void;
}

/** Answers the exchange now or later. What it throws becomes a 500. */
export type Handler = (exchange: Exchange) => void;

export interface Listening {
  readonly port: number;
  /** Takes no new connection; those open go on until closeAll, each ending with its next reply. */
  stopAccepting(): void;
  /** Ends every connection that is still open; exchanges without a reply are aborted. */
  closeAll(): void;
}

export interface Engine {
  /** Name and version, for the log and /status. */
  readonly name: string;
  /** Rejects when the port is taken, saying so. Port 0 takes a free one. */
  listen(options: { host: string; port: number; handler: Handler }): Promise<Listening>;
}
