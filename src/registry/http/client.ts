// The connections to a remote registry: what they may cost in time. Loads undici when the first question is asked. Owned by the HttpRegistry.
import type { Readable } from 'node:stream';
import { rootCertificates } from 'node:tls';
import type { Agent } from 'undici';
import { failedConnection } from './failed.ts';

export interface Waiting {
  /** Milliseconds until a connection is there. */
  readonly connectMs: number;
  /** From the question to the end of the answer's head. */
  readonly headMs: number;
  /** Without a byte of the body. */
  readonly stallMs: number;
}

export interface ClientOptions extends Waiting {
  /** PEM certificates that are trusted beside the usual ones. */
  readonly ca: string | undefined;
}

export type Headers = Readonly<Record<string, string>>;

export interface Reply {
  readonly status: number;
  /** The value of a header, the first one where there are several. */
  header(name: string): string | undefined;
  /** Fails with what is no Failed yet: failedConnection() tells what it means. */
  readonly body: Readable;
  /** Unless the body has been read: keeps the connection if little is left of it. */
  drop(): void;
}

const mostConnections = 32;
/** What is left of a body is read up to here, so that the connection can be used again. */
const leftBytes = 64 << 10;

export class Client {
  readonly #options: ClientOptions;
  #agent: Promise<Agent> | undefined;

  constructor(options: ClientOptions) {
    this.#options = options;
  }

  /** One question; redirects are answers like others. Rejects with Failed, or the reason of the signal. */
  async get(url: URL, headers: Headers, signal: AbortSignal): Promise<Reply> {
    this.#agent ??= connecting(this.#options);
    const agent = await this.#agent;
    try {
      const { origin, pathname, search } = url;
      const reply = await agent.request({ origin, path: pathname + search, method: 'GET', headers, signal });
      const { statusCode: status, body } = reply;
      return {
        status,
        header: (name) => [reply.headers[name]].flat()[0],
        body,
        drop: () => {
          if (!body.readableDidRead) void body.dump({ limit: leftBytes, signal }).catch(() => {}); // nobody is interested in it
        },
      };
    } catch (cause) {
      throw failedConnection(url, cause);
    }
  }

  /** Cuts what is under way. */
  async close(): Promise<void> {
    await (await this.#agent)?.destroy();
  }
}

async function connecting({ ca, connectMs, headMs, stallMs }: ClientOptions): Promise<Agent> {
  const { Agent } = await import('undici');
  return new Agent({
    connections: mostConnections,
    headersTimeout: headMs,
    bodyTimeout: stallMs,
    connect: { timeout: connectMs, ...(ca !== undefined && { ca: [...rootCertificates, ca] }) },
  });
}
