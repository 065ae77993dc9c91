// The one place that turns an error into a reply.
import { type Methods, WorkerError } from '../errors.ts';
import type { StartClass } from '../sandbox/sandbox.ts';
import { preferred } from './accept.ts';
import type { Exchange } from './engine.ts';
import type { Headers } from './head.ts';

export interface ErrorReply {
  readonly status: number;
  readonly headers: Headers;
  readonly body: string;
}

export interface Asker {
  readonly requestId: string;
  /** The Accept header, '' when there was none. */
  readonly accept: string;
}

// Visible ASCII, so that it can go into logs and headers as it is.
const usableId = /^[\x21-\x7e]{1,128}$/;

/** Only as long as the headers of the request can be read. */
export function askerOf(request: Pick<Exchange, 'header'>, nextId: () => string): Asker {
  const given = request.header('x-request-id');
  return { requestId: usableId.test(given) ? given : nextId(), accept: request.header('accept') };
}

/** JSON `{"error": {"code", "message", "requestId"}}`, or the message alone for those who would rather have text. */
export function errorReply(error: WorkerError, asker: Asker, start?: StartClass): ErrorReply {
  if (error.methods !== undefined) return otherMethod(asker, error.methods);
  const headers: Headers[number][] = [['x-request-id', asker.requestId]];
  if (start !== undefined) headers.push(['x-start-class', start]);
  if (error.status === 429 || error.status === 503) headers.push(['retry-after', '1']);
  if (error.status === 401) headers.push(['www-authenticate', 'Bearer realm="worker"']);
  if (error.code === 'draining') headers.push(['connection', 'close']);
  if (prefersText(asker.accept)) return { status: error.status, headers: [...headers, plain], body: `${error.message}\n` };
  const body = { error: { code: error.code, message: error.message, requestId: asker.requestId } };
  return { status: error.status, headers: [...headers, json], body: `${JSON.stringify(body)}\n` };
}

/** 405 in the words of OpenLambda's worker, which clients may read: always text. */
export function methodNotAllowed(asker: Asker, sent: string, allowed: readonly string[]): ErrorReply {
  const error = new WorkerError('method-not-allowed');
  return {
    status: error.status,
    headers: [['x-request-id', asker.requestId], ['allow', allowed.join(', ')], plain],
    body: `${error.message}. Sent: ${sent}, Allowed: [${allowed.join(' ')}]\n`,
  };
}

/** What a lambda's own list of methods makes of a call. OPTIONS asks for the list: that is no error. */
function otherMethod(asker: Asker, { sent, allowed }: Methods): ErrorReply {
  const reply = methodNotAllowed(asker, sent, allowed);
  if (sent !== 'OPTIONS') return reply;
  return { status: 204, headers: reply.headers.filter((header) => header !== plain), body: '' };
}

export const plain = ['content-type', 'text/plain; charset=utf-8'] as const;
export const json = ['content-type', 'application/json'] as const;

function prefersText(accept: string): boolean {
  return preferred(accept, ['application/json', 'text/plain']) === 'text/plain';
}
