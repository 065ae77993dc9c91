// What a lambda is told of its request: the head as it came, without what belongs to the connection, with who it came from.
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
const dropped: ReadonlySet<string> = new Set([...hopByHop, 'expect', 'x-forwarded-for', 'x-forwarded-proto', 'x-request-id']);

/** Only while the handler of the exchange runs. `root` is the path's part that names the lambda. */
export function requestHead(exchange: Exchange, root: string, id: string): RequestHead {
  const headers: Headers[number][] = [];
  let [forwarded, proto] = ['', 'http'];
  for (const header of exchange.headers()) {
    const [name, value] = header;
    if (!dropped.has(name)) headers.push(header);
    else if (name === 'x-forwarded-for') forwarded += `${value}, `;
    else if (name === 'x-forwarded-proto') proto = value;
  }
  const { method, path, query, client } = exchange;
  headers.push(['x-forwarded-for', forwarded + client], ['x-forwarded-proto', proto], ['x-request-id', id]);
  return { id, method, root, path: path.slice(root.length), query, headers, client };
}
