// From what f returned to what is sent.
const octets = 'application/octet-stream';
const text = 'text/plain; charset=utf-8';
const json = 'application/json';

/** What context.response() gives. */
export class Reply {
  constructor(body, status, headers) {
    this.body = body;
    this.status = status;
    this.headers = pairsOf(headers);
    headText(this, undefined); // what is wrong is told here, where it was written
  }
}

const plainly = { body: undefined, status: 200, headers: [] };

/**
 * What is to be sent: {head, body} with head JSON or undefined (200, application/json) and body a string or bytes; or, for a reply that is made
 * piece by piece, {pieces, headFor(first)}. Throws with what cannot be sent.
 */
export function toSend(result) {
  const reply = result instanceof Reply ? result : isWebResponse(result) ? fromWeb(result) : undefined;
  const body = reply === undefined ? result : reply.body;
  const head = (type) => headText(reply ?? plainly, type);
  const bytes = bytesOf(body);
  if (bytes !== undefined) return { head: head(octets), body: bytes };
  if (isMadeInPieces(body)) return { pieces: body, headFor: (first) => head(typeof first === 'string' ? text : octets) };
  if (reply === undefined) return { head: undefined, body: asJson(body) };
  if (body === undefined || body === null) return { head: head(undefined), body: '' };
  return typeof body === 'string' ? { head: head(text), body } : { head: head(json), body: asJson(body) };
}

/** The bytes of one piece. */
export function pieceOf(piece) {
  const bytes = typeof piece === 'string' ? Buffer.from(piece) : bytesOf(piece);
  if (bytes === undefined) throw new TypeError(`a streamed reply is made of strings or Uint8Arrays, not of ${kindOf(piece)}`);
  return bytes;
}

function bytesOf(value) {
  if (value instanceof Uint8Array) return value;
  if (ArrayBuffer.isView(value)) return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
  return value instanceof ArrayBuffer ? new Uint8Array(value) : undefined;
}

/** Generators, streams; not arrays, maps and the like, which are values. */
function isMadeInPieces(value) {
  if (typeof value !== 'object' || value === null) return false;
  return (
    typeof value[Symbol.asyncIterator] === 'function' || (typeof value.next === 'function' && typeof value[Symbol.iterator] === 'function')
  );
}

// By its name: to ask for globalThis.Response loads all of fetch().
function isWebResponse(value) {
  return value?.[Symbol.toStringTag] === 'Response' && typeof value.arrayBuffer === 'function';
}

function fromWeb(response) {
  if (response.bodyUsed) throw new TypeError('the body of the Response has been read already');
  return new Reply(response.body, response.status, response.headers);
}

function asJson(value) {
  const said = JSON.stringify(value === undefined ? null : value);
  if (said === undefined) throw new TypeError(`the reply cannot be sent as JSON: it is ${kindOf(value)}`);
  return said;
}

const kindOf = (value) =>
  value === null ? 'null' : `a ${typeof value === 'object' ? (value.constructor?.name ?? 'object') : typeof value}`;

// ---- heads

const token = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const forbidden = /[^\t\x20-\x7e\x80-\xff]/;

function pairsOf(headers) {
  if (typeof headers !== 'object' || headers === null) throw new TypeError(`headers must be an object: ${String(headers)}`);
  const entries = typeof headers[Symbol.iterator] === 'function' ? [...headers] : Object.entries(headers);
  return entries.flatMap(([name, value]) =>
    (Array.isArray(value) ? value : [value]).map((one) => [name, typeof one === 'number' ? String(one) : one]),
  );
}

/** `type`: the content type unless it has one. */
function headText({ status, headers }, type) {
  if (!Number.isInteger(status) || status < 200 || status > 599)
    throw new RangeError(`status must be an integer from 200 to 599: ${status}`);
  const pairs = headers.map(([name, value]) => {
    if (typeof name !== 'string' || !token.test(name))
      throw new TypeError(`a header needs a name of letters, digits and some signs: ${String(name)}`);
    if (typeof value !== 'string') throw new TypeError(`the value of header ${name} must be a string: ${String(value)}`);
    const wrong = forbidden.exec(value);
    if (wrong !== null)
      throw new TypeError(`the value of header ${name} has a character that HTTP does not allow there: ${JSON.stringify(value)}`);
    return [name.toLowerCase(), value.trim()];
  });
  if (type !== undefined && !pairs.some(([name]) => name === 'content-type')) pairs.push(['content-type', type]);
  return JSON.stringify({ status, headers: pairs });
}
