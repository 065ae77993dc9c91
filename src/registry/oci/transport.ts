// Requests to registries, and to wherever they send one: redirects are followed, and what is secret stays with the host that it is for. The only file of
// this folder that knows undici.
import { isIP } from 'node:net';
import type { Readable } from 'node:stream';
import { rootCertificates } from 'node:tls';
import type { Agent, Dispatcher } from 'undici';
import { retryAfterMs } from '../http/retrying.ts';
import { ImageError, quoted, Transient } from './image-error.ts';

export interface TransportOptions {
  /** `host[:port]` of those that may be asked without TLS, beside this machine. */
  readonly insecure: readonly string[];
  /** Certificates in PEM that are trusted beside the public ones. */
  readonly ca?: string | undefined;
  /** How long a server may be silent. */
  readonly silentMs?: number;
}

export interface Question {
  readonly method: 'GET' | 'HEAD' | 'POST';
  readonly url: URL;
  readonly headers?: Readonly<Record<string, string>>;
  /** For the host of `url` only. */
  readonly authorization?: string | undefined;
  readonly body?: string;
  readonly signal: AbortSignal;
}

export interface Answer {
  readonly status: number;
  /** Of one name the first. */
  header(name: string): string | undefined;
  /** Of one name all. */
  headers(name: string): readonly string[];
  /** To be read by bodyOf, or dropped. */
  readonly body: Readable;
  /** Who answered. */
  readonly url: URL;
  /** Its body is of no interest. The connection is kept where little is left to come. */
  drop(): void;
}

/** The server speaks no TLS. */
export class Plain extends ImageError {}

const mostRedirects = 5;
const connectMs = 10_000;
/** No such host, or not one to be trusted: trying again would only delay telling. */
const lasting = /^(ERR_TLS|CERT_|SELF_SIGNED|DEPTH_ZERO|UNABLE_TO_)|^(HOSTNAME_MISMATCH|INVALID_CA|ENOTFOUND)$/;

export class Transport {
  readonly #options: TransportOptions;
  readonly #insecure: ReadonlySet<string>;
  #undici: Promise<{ readonly agent: Agent; readonly request: typeof import('undici').request }> | undefined;

  constructor(options: TransportOptions) {
    this.#options = options;
    this.#insecure = new Set(options.insecure.map(hostAndPort));
  }

  mayBePlain(host: string): boolean {
    return this.#insecure.has(hostAndPort(host)) || isLoopback(host);
  }

  /** Any status but redirects, and those that may pass: 408, 429 and 5xx are thrown as Transient. */
  async send(question: Question): Promise<Answer> {
    let { url, authorization } = question;
    for (let redirects = 0; redirects <= mostRedirects; redirects += 1) {
      const answer = await this.#once({ ...question, url, authorization });
      const location = answer.header('location');
      if (![301, 302, 303, 307, 308].includes(answer.status) || location === undefined) {
        if (!mayPass(answer.status)) return answer;
        answer.drop();
        const afterMs = retryAfterMs(answer.header('retry-after'), Date.now());
        throw new Transient(`${asked(question)}: the answer is ${answer.status}`, { afterMs });
      }
      answer.drop();
      const next = URL.canParse(location, url.href) ? new URL(location, url) : undefined;
      if (next === undefined || question.method === 'POST' || !mayLead(url, next))
        throw new ImageError('unavailable', `${asked(question)}: it is redirected to ${quoted(location)}, where it cannot go`);
      if (next.origin !== url.origin) authorization = undefined; // for good: what comes after is the other host's doing
      url = next;
    }
    throw new ImageError('unavailable', `${asked(question)}: more than ${mostRedirects} redirects`);
  }

  /** Requests under way are cut. */
  async close(): Promise<void> {
    await (await this.#undici)?.agent.destroy();
  }

  /** When the first question is asked: it takes long to load. */
  async #load(): Promise<{ readonly agent: Agent; readonly request: typeof import('undici').request }> {
    const { Agent, request } = await import('undici');
    const { ca, silentMs = 30_000 } = this.#options;
    const connect = { timeout: connectMs, ...(ca !== undefined && { ca: [...rootCertificates, ca] }) };
    return { request, agent: new Agent({ connect, headersTimeout: silentMs, bodyTimeout: silentMs, keepAliveTimeout: 4000 }) };
  }

  async #once(question: Question): Promise<Answer> {
    const { url, method, headers, authorization, body, signal } = question;
    if (url.protocol !== 'https:' && !(url.protocol === 'http:' && this.mayBePlain(url.host)))
      throw new ImageError(
        'unavailable',
        `ask ${quoted(url.origin)}: it is not https (for plain http, list its host in insecure_registries)`,
      );
    this.#undici ??= this.#load();
    const { agent, request } = await this.#undici;
    let answered: Dispatcher.ResponseData;
    try {
      answered = await request(url, {
        dispatcher: agent,
        method,
        headers: {
          'user-agent': 'sock-worker',
          'accept-encoding': 'identity',
          ...headers,
          ...(authorization !== undefined && { authorization }),
        },
        body: body ?? null,
        signal,
      });
    } catch (cause) {
      signal.throwIfAborted();
      throw failure(question, cause);
    }
    const all = (name: string): readonly string[] => [answered.headers[name] ?? []].flat();
    const { statusCode: status, body: readable } = answered;
    return { url, status, headers: all, header: (name) => all(name)[0], body: readable, drop: () => void readable.dump().catch(() => {}) };
  }
}

/**
 * Whether a server may send one from `from` to `to`: not to where TLS ends, and not from elsewhere to what listens on this machine for this machine only,
 * the worker's own paths among it.
 */
export function mayLead(from: URL, to: URL): boolean {
  return (from.protocol !== 'https:' || to.protocol === 'https:') && (isLoopback(from.host) || !isLoopback(to.host));
}

/** What reading a body throws, as Transient: it was cut, or did not go on. */
export async function* bodyOf({ body }: Pick<Answer, 'body'>, what: string, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  try {
    for await (const chunk of body) yield chunk as Uint8Array;
  } catch (cause) {
    signal.throwIfAborted();
    throw new Transient(`read ${what}: ${messageOf(cause)}`, { cause });
  }
}

/** A whole body, of at most so many bytes. */
export async function gathered(chunks: AsyncIterable<Uint8Array>, what: string, most: number): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of chunks) {
    bytes += chunk.length;
    if (bytes > most) throw new ImageError('unavailable', `read ${what}: more than ${most} bytes come`);
    pieces.push(chunk);
  }
  return Buffer.concat(pieces);
}

/** As URL.host has it, which leaves out the port of http. */
function hostAndPort(host: string): string {
  return URL.canParse(`http://${host}`) ? new URL(`http://${host}`).host : host;
}

function isLoopback(host: string): boolean {
  const name = host
    .replace(/:\d+$/, '')
    .replace(/^\[(.*)\]$/, '$1')
    .toLowerCase();
  return /^(.*\.)?localhost$|^(::1?|0\.0\.0\.0|::ffff:(7f|0:0$).*)$/.test(name) || (isIP(name) === 4 && name.startsWith('127.'));
}

function mayPass(status: number): boolean {
  return status === 408 || status === 429 || status >= 500;
}

function failure(question: Question, cause: unknown): ImageError {
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
  const text = `${asked(question)}: ${messageOf(cause)}`;
  if (code === 'EPROTO' || code.startsWith('ERR_SSL_')) return new Plain('unavailable', text, cause);
  return lasting.test(code) ? new ImageError('unavailable', text, cause) : new Transient(text, { cause });
}

function asked({ method, url }: Question): string {
  return `${method} ${url.origin}${url.pathname}`; // without the query: in a redirect it may be a signature
}

function messageOf(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause);
  return cause.message === '' && cause instanceof AggregateError ? messageOf(cause.errors[0]) : cause.message.trim();
}
