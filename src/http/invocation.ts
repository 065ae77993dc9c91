// One invocation as the front end sees it: the Call that goes down, and the reply that comes of it, exactly once.
import { asWorkerError, WorkerError } from '../errors.ts';
import type { Call, Outcome, Reply } from '../lambda/call.ts';
import type { Finished, Trace } from '../observe/finished.ts';
import type { Phases } from '../observe/phases.ts';
import type { ReplyHead, RequestBody, RequestHead, StartClass } from '../sandbox/sandbox.ts';
import { Counted } from './counted.ts';
import type { Exchange } from './engine.ts';
import { type Asker, errorReply } from './error-reply.ts';
import type { Headers } from './head.ts';
import { mayBePage, sandboxedPage } from './pages.ts';
import { hopByHop } from './request-head.ts';

export interface LogEntry {
  readonly level: 'warn' | 'error';
  readonly message: string;
  readonly requestId: string;
  readonly lambda: string;
  /** Undefined when none was reached. */
  readonly sandbox: string | undefined;
  readonly start: StartClass | undefined;
  readonly phases: Phases;
  readonly cause: unknown;
}

/** What the front end says of the reply and its connection, so that a lambda's word on it is left out. */
const owned: ReadonlySet<string> = new Set([...hopByHop, 'content-length', 'date', 'server-timing', 'x-request-id', 'x-start-class']);

/** `begun`: bytes that the client has not taken yet are not out of the way until it has. */
type State =
  | { readonly at: 'open' }
  | { readonly at: 'begun'; readonly start: StartClass; readonly used: (bytes: number) => void; waiting: number }
  | { readonly at: 'settled' };

export interface InvocationFrom {
  readonly exchange: Exchange;
  readonly asker: Asker;
  /** When the request came: milliseconds of performance.now(). */
  readonly began: number;
  readonly trace: Trace;
  readonly deps: {
    readonly sandboxPages: boolean;
    record(finished: Finished, error: WorkerError | undefined): void;
    log(entry: LogEntry): void;
  };
}

export class Invocation implements Call {
  readonly lambda: string;
  readonly head: RequestHead;
  readonly body: RequestBody;
  readonly force: StartClass | undefined;
  readonly phases: Phases;
  sandbox: string | undefined = undefined;
  cancel: ((why: WorkerError) => void) | undefined = undefined;
  readonly #exchange: Exchange;
  readonly #from: InvocationFrom;
  #state: State = { at: 'open' };
  #gone = false;
  #status = 0;
  #bytesOut = 0;

  constructor(given: Pick<Call, 'lambda' | 'head' | 'body' | 'force' | 'phases'>, from: InvocationFrom) {
    this.lambda = given.lambda;
    this.head = given.head;
    this.body = given.body;
    this.force = given.force;
    this.phases = given.phases;
    this.#exchange = from.exchange;
    this.#from = from;
    from.exchange.onAbort = () => {
      this.#gone = true;
      this.stop(new WorkerError('client-gone'));
    };
    from.exchange.onDrain = () => this.#drained();
  }

  /** Nothing more is to be done for it, for this reason, which whoever works on it settles it with. */
  stop(why: WorkerError): void {
    if (this.#state.at === 'settled') return;
    const { cancel } = this;
    this.cancel = undefined;
    cancel?.(why);
  }

  begin(reply: ReplyHead, start: StartClass, used: (bytes: number) => void): void {
    if (this.#state.at !== 'open') return;
    this.phases.mark('reply');
    try {
      this.#exchange.reason = reply.reason;
      this.#exchange.begin(reply.status, this.#headers(reply.headers, start), lengthOf(reply.headers));
      this.#state = { at: 'begun', start, used, waiting: 0 };
      this.#status = reply.status;
    } catch (cause) {
      if (!(cause instanceof TypeError)) throw cause;
      this.stop(new WorkerError('reply-invalid', { detail: cause.message, cause }));
    }
  }

  chunk(bytes: Uint8Array): void {
    const state = this.#state;
    if (state.at !== 'begun') return;
    this.#bytesOut += bytes.length;
    if (this.#exchange.write(bytes)) state.used(bytes.length);
    else state.waiting += bytes.length;
  }

  settle(outcome: Outcome): void {
    const { at } = this.#state;
    if (at === 'settled') {
      const cause = new Error(`second outcome: ${outcome.at}`);
      this.#tell({ level: 'error', message: 'call settled more than once, ignoring', start: outcome.start, cause });
      return;
    }
    this.#state = { at: 'settled' };
    let { error } = outcome.at === 'failed' ? outcome : none;
    if (outcome.at === 'answered') error = this.#answer(outcome.reply, outcome.start);
    else if (outcome.at === 'streamed') {
      this.phases.mark('stream');
      this.#exchange.end();
    }
    if (error !== undefined) this.#fail(error, outcome.start, at === 'begun');
    this.#record(outcome.start, error);
  }

  /** Settles with what was thrown, unless it is settled. */
  threw(cause: unknown): void {
    if (this.#state.at === 'settled')
      this.#tell({ level: 'error', message: 'invoke threw after its call was settled, ignoring', start: undefined, cause });
    else this.settle({ at: 'failed', error: asWorkerError(cause), start: undefined });
  }

  #drained(): void {
    const state = this.#state;
    if (state.at !== 'begun') return;
    const { waiting } = state;
    state.waiting = 0;
    state.used(waiting);
  }

  /** Why it cannot be sent, if it cannot. */
  #answer(reply: Reply, start: StartClass): WorkerError | undefined {
    this.phases.mark('reply');
    try {
      const headers = this.#headers(reply.headers, start);
      this.#exchange.reason = reply.reason;
      const length = reply.body.length === 0 && this.#exchange.method === 'HEAD' ? lengthOf(reply.headers) : undefined;
      if (length === undefined) this.#exchange.reply(reply.status, headers, reply.body);
      else {
        this.#exchange.begin(reply.status, headers, length); // the body's that GET would have
        this.#exchange.end();
      }
    } catch (cause) {
      if (!(cause instanceof TypeError)) throw cause;
      return new WorkerError('reply-invalid', { detail: cause.message, cause });
    }
    this.#status = reply.status;
    this.#bytesOut = reply.body.length;
    return undefined;
  }

  /** What the lambda says, and what the worker says to it. */
  #headers(given: Headers, start: StartClass): Headers {
    const headers: Headers[number][] = [];
    const types: string[] = [];
    for (const header of given) {
      const name = header[0].toLowerCase();
      if (owned.has(name)) continue;
      headers.push(header);
      if (name === 'content-type') types.push(header[1]);
    }
    if (this.#from.deps.sandboxPages && mayBePage(types)) headers.push(sandboxedPage);
    headers.push(['x-request-id', this.head.id], ['x-start-class', start], ['server-timing', this.phases.header()]);
    return headers;
  }

  #fail(error: WorkerError, start: StartClass | undefined, begun: boolean): void {
    this.phases.mark('reply');
    // What a handler raises is its own affair, and the caller is told; the rest is this worker's.
    if (error.status >= 500 && (begun || error.code !== 'handler-raised')) {
      const message = begun ? `reply cut: ${error.message}` : error.message;
      this.#tell({ level: error.code === 'internal' ? 'error' : 'warn', message, start, cause: error.cause });
    }
    if (begun) {
      this.#exchange.destroy();
      return;
    }
    const { status, headers, body } = errorReply(error, this.#from.asker, start);
    this.#exchange.reason = undefined;
    this.#exchange.reply(status, [...headers, ['server-timing', this.phases.header()]], body);
  }

  /** One whose client is gone counts as such, whatever would have become of it. */
  #record(start: StartClass | undefined, failed: WorkerError | undefined): void {
    const { head, body, phases } = this;
    const error = this.#gone ? clientGone : failed;
    const finished: Finished = {
      requestId: head.id,
      lambda: this.lambda,
      method: head.method,
      path: this.#exchange.path,
      status: error === undefined ? this.#status : error.status,
      start,
      errorCode: error?.code,
      phases,
      began: this.#from.began,
      ended: phases.end(),
      bytesIn: body instanceof Counted ? body.bytes : body.first.length,
      bytesOut: this.#bytesOut,
      sandbox: this.sandbox,
      trace: this.#from.trace,
    };
    this.#from.deps.record(finished, error);
  }

  #tell({ level, message, start, cause }: Pick<LogEntry, 'level' | 'message' | 'start' | 'cause'>): void {
    const { lambda, sandbox, phases } = this;
    this.#from.deps.log({ level, message, requestId: this.head.id, lambda, sandbox, start, phases, cause });
  }
}

const none = { error: undefined };
const clientGone = new WorkerError('client-gone');

/** The length that a lambda announces; one that is no number is not passed on, and the body comes in chunks. */
function lengthOf(headers: Headers): number | undefined {
  const given = headers.find(([name]) => name.toLowerCase() === 'content-length')?.[1];
  return given !== undefined && /^\d{1,15}$/.test(given) ? Number(given) : undefined;
}
