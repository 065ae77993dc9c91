// What a lambda is told of its request: the head as it came, without what belongs to the connection, with who it came from and the trace it is a part of.
import type { Trace } from '../observe/finished.ts';
import { formatTraceparent, parseTraceparent, parseTracestate, type TraceContexts } from '../observe/traceparent.ts';
import type { RequestHead } from '../sandbox/sandbox.ts';
import type { Exchange } from './engine.ts';
import type { Headers } from './head.ts';

/** Headers that are about one connection, not about the message (RFC 9110, 7.6.1). */
export const hopByHop: readonly string[] = [
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
];
const own = ['x-forwarded-for', 'x-forwarded-proto', 'x-request-id', 'traceparent', 'tracestate'];
const dropped: ReadonlySet<string> = new Set([...hopByHop, ...own, 'expect']);

export interface HeadOptions {
  /** The path's part that names the lambda. */
  readonly root: string;
  readonly id: string;
  readonly traces: TraceContexts;
  /** Whether a trace that begins here is kept. */
  readonly sampled: boolean;
}

/**
 * Only while the handler of the exchange runs; the head may be read for as long as nothing was replied. `trace` is the worker's own span, the parent of
 * whatever the lambda makes.
 */
export function requestHead(exchange: Exchange, options: HeadOptions): { head: RequestHead; trace: Trace } {
  let parent = '';
  for (const [name, value] of exchange.headers()) if (name === 'traceparent') parent += value; // two of them are none that can be read
  const from = parent === '' ? undefined : parseTraceparent(parent);
  const trace = options.traces.begin(from, options.sampled);
  return { head: new Head(exchange, options, trace), trace };
}

/** Most lambdas never ask for more than the id: the rest is put together for those that do. */
class Head implements RequestHead {
  readonly id: string;
  readonly method: string;
  readonly root: string;
  readonly #exchange: Exchange;
  readonly #given: Headers;
  readonly #trace: Trace;

  constructor(exchange: Exchange, { id, root }: HeadOptions, trace: Trace) {
    this.id = id;
    this.method = exchange.method;
    this.root = root;
    this.#exchange = exchange;
    this.#given = exchange.headers();
    this.#trace = trace;
  }

  get path(): string {
    return this.#exchange.path.slice(this.root.length);
  }

  get query(): string {
    return this.#exchange.query;
  }

  get client(): string {
    return this.#exchange.client;
  }

  get headers(): Headers {
    const headers: Headers[number][] = [];
    let [forwarded, proto, state] = ['', 'http', ''];
    for (const header of this.#given) {
      const [name, value] = header;
      if (!dropped.has(name)) headers.push(header);
      else if (name === 'x-forwarded-for') forwarded += `${value}, `;
      else if (name === 'x-forwarded-proto') proto = value;
      else if (name === 'tracestate') state += state === '' ? value : `,${value}`;
    }
    headers.push(['x-forwarded-for', forwarded + this.client], ['x-forwarded-proto', proto], ['x-request-id', this.id]);
    headers.push(['traceparent', formatTraceparent(this.#trace)]);
    const passed = this.#trace.parentSpanId === undefined || state === '' ? '' : parseTracestate(state);
    if (passed !== '') headers.push(['tracestate', passed]);
    return headers;
  }
}
