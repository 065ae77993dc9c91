// One answer of the worker's own on its way out: at once, or as fast as the client takes it.
import { Readable } from 'node:stream';
import type { Exchange } from '../engine.ts';
import type { ErrorReply } from '../error-reply.ts';
import type { Answer } from './route.ts';

export class Outgoing {
  readonly #exchange: Exchange;
  readonly #requestId: string;
  readonly #gone = new AbortController();
  #begun = false;
  #whenDrained: (() => void) | undefined;

  /** Before the handler of the exchange returns. */
  constructor(exchange: Exchange, requestId: string) {
    this.#exchange = exchange;
    this.#requestId = requestId;
    exchange.onAbort = () => {
      this.#gone.abort();
      this.#whenDrained?.();
    };
    exchange.onDrain = () => this.#whenDrained?.();
  }

  get gone(): AbortSignal {
    return this.#gone.signal;
  }

  async send({ status = 200, headers = [], body, length }: Answer): Promise<void> {
    const lines = [['x-request-id', this.#requestId] as const, ...headers];
    if (typeof body === 'string' || body instanceof Uint8Array) {
      this.#exchange.reply(status, lines, body);
      return;
    }
    this.#exchange.begin(status, lines, length);
    this.#begun = true;
    if (this.#exchange.method !== 'HEAD') await this.#stream(body[Symbol.asyncIterator]());
    else if (body instanceof Readable) body.destroy(); // its iterator closes nothing before its first step
    this.#exchange.end();
  }

  /** What was begun is cut, so that the client can tell. */
  fail({ status, headers, body }: ErrorReply): void {
    if (this.#begun) this.#exchange.destroy();
    else this.#exchange.reply(status, headers, body);
  }

  async #stream(chunks: AsyncIterator<string | Uint8Array>): Promise<void> {
    for (let next = await chunks.next(); next.done !== true; next = await chunks.next()) {
      const taken = this.#exchange.write(typeof next.value === 'string' ? Buffer.from(next.value) : next.value);
      if (!taken) await new Promise<void>((resolve) => (this.#whenDrained = resolve));
      if (this.gone.aborted) {
        await chunks.return?.();
        return;
      }
    }
  }
}
