// What a path of the worker's own is: who may use it, with which methods, and who answers. table.ts lists them, paths.ts serves them.
import type { Readable } from 'node:stream';
import type { Asker } from '../error-reply.ts';
import type { Headers } from '../head.ts';

/** `anyone`: it tells nothing that could be of use against the worker. `socket`: it is there on the Unix socket only. */
export type Who = 'anyone' | 'admin' | 'socket';

export interface Route extends Partial<Record<Method, Answerer>> {
  /** With one `<…>` at most, which stands for any one segment that is not empty. */
  readonly path: string;
  readonly who: Who;
}

export const methods = ['GET', 'POST', 'PUT', 'DELETE'] as const;
export type Method = (typeof methods)[number];

/** Must ask for the body, if it wants it, before it waits for anything. A WorkerError that it throws is told to the caller. */
export type Answerer = (asked: Asked) => Answer | Promise<Answer>;

export interface Asked {
  readonly asker: Asker;
  readonly method: Method | 'HEAD';
  /** What stands for `<…>`, decoded once; '' where the path has none. */
  readonly name: string;
  readonly query: URLSearchParams;
  readonly contentType: string;
  /** Whether the caller may use the admin API. Only before the answerer waits for anything. */
  isAdmin(): boolean;
  /** The client is gone. */
  readonly gone: AbortSignal;
  /** The body, at most `limit` bytes: destroyed with body-too-large or client-gone. At most once. */
  body(limit: number): Readable;
}

export interface Answer {
  readonly status?: number;
  readonly headers?: Headers;
  /** A stream is read as fast as the client takes it, and closed when it is gone; for HEAD it is closed unread. */
  readonly body: string | Uint8Array | AsyncIterable<string | Uint8Array>;
  /** Bytes that a stream will have, if known. */
  readonly length?: number;
}
