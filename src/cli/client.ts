// Asks a running worker over its socket; over TCP where the socket is not for the caller, or is not there since its path is too long.
import { type IncomingMessage, type RequestOptions, request } from 'node:http';
import type { Readable } from 'node:stream';
import { because, codeOf, Failure } from './failure.ts';
import type { Place } from './place.ts';

export interface Question {
  readonly method?: 'GET' | 'POST';
  /** Encoded. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** A stream can be sent only once, so it goes to whichever of the two takes connections. */
  readonly body?: Readable;
  readonly signal?: AbortSignal;
}

/** sockaddr_un has room for so many bytes; where the path is longer, the worker has no socket (http/admin/socket.ts). */
const longestPath = 107;

/** The reply, whatever its status. Throws a Failure when there is none. */
export async function ask(place: Place, question: Question): Promise<IncomingMessage> {
  const { socket, tcp } = place;
  if (Buffer.byteLength(socket) > longestPath && tcp !== undefined) return await askOverTcp(tcp, question);
  try {
    return await sent({ socketPath: socket }, question);
  } catch (cause) {
    if (codeOf(cause) === 'EACCES' && tcp !== undefined) return await askOverTcp(tcp, question);
    throw new Failure(`ask the worker over "${socket}": ${because(cause)}`, { cause });
  }
}

async function askOverTcp({ host, port, token }: NonNullable<Place['tcp']>, question: Question): Promise<IncomingMessage> {
  const headers = { ...question.headers, ...(token !== undefined && { authorization: `Bearer ${token}` }) };
  try {
    return await sent({ host, port }, { ...question, headers });
  } catch (cause) {
    throw new Failure(`ask the worker at ${host}:${port}: ${because(cause)}; use sudo, to ask it over its socket`, { cause });
  }
}

/** The body of a reply that has `status`; what another one says is thrown as a Failure. */
export async function textOf(reply: IncomingMessage, status: number): Promise<string> {
  let text = '';
  for await (const chunk of reply.setEncoding('utf8')) text += chunk;
  if (reply.statusCode !== status) throw new Failure(text.trim() || `the worker answered ${reply.statusCode}`);
  return text;
}

function sent(to: RequestOptions, { method = 'GET', path, headers, body, signal }: Question): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const asked = request({ ...to, method, path, headers: { accept: 'text/plain', ...headers }, agent: false, ...(signal && { signal }) });
    asked.once('response', resolve);
    asked.once('error', reject);
    if (body === undefined) asked.end();
    else
      asked.once('socket', (socket) => {
        socket.once('connect', () => {
          body.once('error', (error) => asked.destroy(error));
          body.pipe(asked);
        });
      });
  });
}
