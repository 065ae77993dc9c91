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

/** Only while the handler of the exchange runs. `trace` is the worker's own span, the parent of whatever the lambda makes. */
export function requestHead(exchange: Exchange, { root, id, traces, sampled }: HeadOptions): { head: RequestHead; trace: Trace } {
  const headers: Headers[number][] = [];
  let [forwarded, proto] = ['', 'http'];
  let [parent, state] = ['', ''];
  for (const header of exchange.headers()) {
    const [name, value] = header;
    if (!dropped.has(name)) headers.push(header);
    else if (name === 'x-forwarded-for') forwarded += `${value}, `;
    else if (name === 'x-forwarded-proto') proto = value;
    else if (name === 'traceparent')
      parent += value; // two of them are none that can be read
    else if (name === 'tracestate') state += state === '' ? value : `,${value}`;
  }
  const { method, path, query, client } = exchange;
  const from = parent === '' ? undefined : parseTraceparent(parent);
  const trace = traces.begin(from, sampled);
  headers.push(['x-forwarded-for', forwarded + client], ['x-forwarded-proto', proto], ['x-request-id', id]);
  headers.push(['traceparent', formatTraceparent(trace)]);
  const passed = from === undefined || state === '' ? '' : parseTracestate(state);
  if (passed !== '') headers.push(['tracestate', passed]);
  return { head: { id, method, root, path: path.slice(root.length), query, headers, client }, trace };
}
