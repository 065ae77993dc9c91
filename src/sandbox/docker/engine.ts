// The Docker Engine API over its unix socket: the one file that speaks to the engine, with undici, which it loads when a worker uses it.
import { once } from 'node:events';
import type { Readable } from 'node:stream';
import { setTimeout } from 'node:timers/promises';
import type { Dispatcher } from 'undici';

/** The engine cannot be reached, or has hung up. */
export class EngineGone extends Error {}

/** The engine answered that it cannot do it. */
export class EngineRefused extends Error {
  readonly status: number;

  constructor(attempt: string, status: number, message: string) {
    super(`${attempt}: ${message} (${status} of the Docker Engine)`);
    this.status = status;
  }
}

export interface EngineRequest {
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: object | Uint8Array;
  readonly headers?: Readonly<Record<string, string>>;
  /** What is attempted, for the message when it fails. */
  readonly attempt: string;
}

type Method = 'GET' | 'HEAD' | 'POST' | 'DELETE';

/** A container's start takes 0.3 s, several at once seconds; an engine that says nothing for longer hangs. */
const answerLimitMs = 120_000;
const probeMs = { first: 100, most: 1000 } as const;

export class Engine {
  readonly #dispatcher: Dispatcher;
  readonly #socket: string;

  private constructor(dispatcher: Dispatcher, socket: string) {
    this.#dispatcher = dispatcher;
    this.#socket = socket;
  }

  /** Connects to nothing yet. `socket`: an absolute path. */
  static async open(socket: string): Promise<Engine> {
    const { Pool } = await import('undici');
    const limits = { headersTimeout: answerLimitMs, bodyTimeout: 0 }; // a container that prints nothing is no fault
    return new Engine(new Pool('http://docker', { socketPath: socket, ...limits }), socket);
  }

  /** The answer, parsed; undefined when it has no JSON. Rejects with EngineGone or EngineRefused. */
  async call<T>(method: Method, path: string, request: EngineRequest): Promise<T> {
    const { headers, body } = await this.#ask(method, path, request);
    const text = await body.text().catch((cause: unknown) => this.#gone(request.attempt, cause));
    return (String(headers['content-type']).startsWith('application/json') && text !== '' ? JSON.parse(text) : undefined) as T;
  }

  /** An answer that comes bit by bit, for as long as it takes. */
  async stream(method: Method, path: string, request: EngineRequest): Promise<Readable> {
    return (await this.#ask(method, path, request)).body;
  }

  /** Resolves when the engine answers; asks again and again until `signal` aborts. */
  async back(signal: AbortSignal): Promise<void> {
    for (let ms: number = probeMs.first; ; ms = Math.min(ms * 2, probeMs.most)) {
      await setTimeout(ms, undefined, { signal });
      const there = await this.call('GET', '/_ping', { attempt: 'ask whether the engine is there' }).then(
        () => true,
        () => false,
      );
      if (there) return;
    }
  }

  async close(): Promise<void> {
    await this.#dispatcher.destroy();
  }

  async #ask(method: Method, path: string, { query, body, headers, attempt }: EngineRequest): Promise<Dispatcher.ResponseData> {
    const plain = body === undefined || body instanceof Uint8Array;
    const answer = await this.#dispatcher
      .request({
        method,
        path: query === undefined ? path : `${path}?${new URLSearchParams(query)}`,
        headers: { ...(plain ? {} : { 'content-type': 'application/json' }), ...headers },
        body: plain ? (body ?? null) : JSON.stringify(body),
      })
      .catch((cause: unknown) => this.#gone(attempt, cause));
    if (answer.statusCode < 400) return answer;
    const text = await answer.body.text().catch((cause: unknown) => this.#gone(attempt, cause));
    throw new EngineRefused(attempt, answer.statusCode, messageOf(text));
  }

  #gone(attempt: string, cause: unknown): never {
    throw new EngineGone(`${attempt} with the Docker Engine at ${this.#socket}: ${why(cause)}`, { cause });
  }
}

/** Resolves when a stream has ended, however it did; `onData` gets what comes. */
export async function drained(stream: Readable, onData: (bytes: Buffer) => void): Promise<void> {
  stream.on('data', onData);
  await once(stream, 'close').catch(() => {}); // it was cut: no more comes
}

function messageOf(text: string): string {
  try {
    const { message } = JSON.parse(text) as { message?: unknown };
    return typeof message === 'string' ? message : text;
  } catch {
    return text;
  }
}

function why(cause: unknown): string {
  const { code, message } = cause as NodeJS.ErrnoException;
  if (code === 'ENOENT') return 'there is no such socket (is dockerd running? config key docker.socket)';
  if (code === 'ECONNREFUSED') return 'nobody listens there (is dockerd running?)';
  if (code === 'EACCES') return 'permission denied (run the worker as root, or as a member of the group docker)';
  return message;
}
