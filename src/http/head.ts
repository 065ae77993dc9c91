// The head of a reply as the bytes on the wire: status line and header lines, refused when they would not mean what they say.
import { STATUS_CODES } from 'node:http';
import type { Headers } from '../sandbox/sandbox.ts';

export type { Headers };

/** A whole reply, beginning as head() does, after which the connection ends; for where the engine's library writes nothing of it. */
export function lastReply(status: number, headers: Headers, body: string): Buffer {
  const own = [
    ['connection', 'close'],
    ['date', new Date().toUTCString()],
    ['content-length', String(Buffer.byteLength(body))],
  ] as const;
  return Buffer.concat([head(status, [...headers, ...own]), Buffer.from(`\r\n\r\n${body}`)]);
}

const token = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
// RFC 9110, 5.5: visible ASCII, space, tab, and obs-text. CR, LF and NUL would let a lambda write headers or a reply of its own.
const fieldValue = /^[\t\x20-\x7e\x80-\xff]*$/;

/**
 * `200 OK\r\nname: value\r\n…` in Latin-1, without a last line break. One write instead of one a header is worth a tenth of the
 * requests per second, and bytes cost the engine less than strings.
 *
 * @throws TypeError for a status that is no final one (200 to 599), a reason with a line break, a header name that is no token, a value with control or wide characters.
 */
export function head(status: number, headers: Headers, reason = STATUS_CODES[status] ?? 'Unknown'): Buffer {
  // A 1xx status would leave the client waiting for the reply.
  if (!Number.isInteger(status) || status < 200 || status > 599) throw new TypeError(`reply with status ${status}: not one of 200 to 599`);
  if (!fieldValue.test(reason))
    throw new TypeError(`reply with status ${status}: its reason has a character that HTTP does not allow there`);
  let text = `${status} ${reason}`;
  for (const [name, value] of headers) {
    if (!token.test(name)) throw new TypeError(`reply with header ${JSON.stringify(name)}: the name is no token`);
    if (!fieldValue.test(value))
      throw new TypeError(`reply with header ${name}: the value has a line break or another character no header may have`);
    text += `\r\n${name}: ${value}`;
  }
  return Buffer.from(text, 'latin1');
}
