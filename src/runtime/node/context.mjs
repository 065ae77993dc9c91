// What f(event, context) is given beside the event. All of it is found out when it is asked for, yet it is an object like any other: it can be taken
// apart, copied by a spread, said in JSON. (Behind a proxy, 0.1 us a call; accessors that each context has for its own take 1.6.)
import { Reply } from './result.mjs';

const levels = { error: 1, warning: 2, info: 3, debug: 4 };

export class Context {
  #call;
  #query;
  #headers;

  constructor(call) {
    this.#call = call;
    // biome-ignore lint/correctness/noConstructorReturn: whoever makes one need not know
    return new Proxy(this, plain);
  }

  get method() {
    return this.#call.info.method ?? 'POST';
  }
  /** What follows the lambda's name, decoded: '/' or more. */
  get path() {
    return decoded(this.rawPath) || '/';
  }
  /** The path as it was sent, percent-encoded: '' or from '/' on. */
  get rawPath() {
    return this.#call.info.path ?? '';
  }
  /** A URLSearchParams. */
  get query() {
    this.#query ??= new URLSearchParams(this.#call.info.query ?? '');
    return this.#query;
  }
  /** An object without a prototype: lower-case names; of a header that came repeatedly, its values joined. */
  get headers() {
    if (this.#headers === undefined) {
      this.#headers = Object.create(null);
      for (const [name, value] of this.#call.info.headers ?? []) {
        const before = this.#headers[name];
        this.#headers[name] = before === undefined ? value : `${before}${name === 'cookie' ? '; ' : ', '}${value}`;
      }
    }
    return this.#headers;
  }
  get requestId() {
    return this.#call.info.id;
  }
  /** The client's address, numeric. */
  get client() {
    return this.#call.info.client ?? '';
  }
  /** A Uint8Array. Empty in a module with streamBody = true. */
  get body() {
    return this.#call.body;
  }
  /** The body piece by piece, an async iterable. In a module with streamBody = true it is what is still coming. */
  get stream() {
    return this.#call.stream;
  }
  /** Until the call has to be answered, at least 0. */
  remainingMs = () => {
    const { deadline } = this.#call.info;
    return deadline === undefined ? Number.POSITIVE_INFINITY : Math.max(0, deadline - Number(process.hrtime.bigint()) / 1e6);
  };
  /** An AbortSignal: nobody waits for the reply any more. */
  get signal() {
    return this.#call.signal;
  }

  /** What f returns to set status and headers. body: bytes, a string, something that makes either piece by piece, null, or what JSON can say. */
  response = (body, { status = 200, headers = {} } = {}) => new Reply(body, status, headers);

  /** Writes to the lambda's log: level error, warning, info or debug. */
  log = (message, level = 'info') => {
    const number = levels[level];
    if (number === undefined) throw new TypeError(`context.log: level must be one of ${Object.keys(levels).join(', ')}: ${String(level)}`);
    this.#call.log(typeof message === 'string' ? message : JSON.stringify(message), number);
  };

  /** What it tells of the request, without the body. */
  toJSON() {
    const { method, path, rawPath, query, headers, requestId, client } = this;
    return { method, path, rawPath, query: [...query], headers, requestId, client };
  }
  [Symbol.for('nodejs.util.inspect.custom')]() {
    return this.toJSON();
  }
}

const accessors = Object.entries(Object.getOwnPropertyDescriptors(Context.prototype)).flatMap(([name, { get }]) => (get ? [name] : []));
const plain = {
  get: (context, name) => context[name], // not on the proxy, which has no #call
  ownKeys: (context) => [...accessors, ...Reflect.ownKeys(context)],
  getOwnPropertyDescriptor: (context, name) =>
    accessors.includes(name)
      ? { value: context[name], enumerable: true, configurable: true }
      : Reflect.getOwnPropertyDescriptor(context, name),
};

// An escape that is none stays as it is; bytes that are no UTF-8 become U+FFFD.
function decoded(path) {
  if (!path.includes('%')) return path;
  return path.replace(/(?:%[0-9A-Fa-f]{2})+/g, (escapes) => Buffer.from(escapes.replaceAll('%', ''), 'hex').toString());
}
