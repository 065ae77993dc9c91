// What the parsers of the engines let pass, though another server on the way could read other requests from the same bytes (request smuggling).
import type { Headers } from './head.ts';

/** Why a request with these headers, names in lower case, is refused; undefined when it is not. RFC 9112, 3.2, 5.1, 6.1, 6.3. */
export function misread(headers: Headers): string | undefined {
  const seen: string[] = [];
  for (const [name, value] of headers) {
    if (name === '') return 'a header has no name';
    if (!single.has(name)) continue;
    if (seen.includes(name)) return `a request has one ${name} header, this one has more`;
    if (name === 'transfer-encoding' && value.toLowerCase() !== 'chunked') return 'the only transfer-encoding known here is chunked';
    seen.push(name);
  }
  return undefined;
}

const single: ReadonlySet<string> = new Set(['host', 'content-length', 'transfer-encoding']);
