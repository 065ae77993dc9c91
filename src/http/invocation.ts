// One invocation as the front end sees it: the Call that goes down, and the reply that comes of it, exactly once.
import { asWorkerError, WorkerError } from '../errors.ts';
import type { Call, Outcome, Reply } from '../lambda/call.ts';
import type { Phases } from '../observe/phases.ts';
import type { ReplyHead, RequestBody, RequestHead, StartClass } from '../sandbox/sandbox.ts';
import type { Exchange } from './engine.ts';
import { type Asker, errorReply } from './error-reply.ts';
import type { Headers } from './head.ts';
import { hopByHop } from './request-head.ts';

export interface LogEntry {
  readonly level: 'warn' | 'error';
  readonly message: string;
  readonly requestId: string;
  readonly lambda: string | undefined;
  readonly cause: unknown;
}

/** What the front end says of the reply and its connection, so that a lambda's word on it is left out. */
const owned: ReadonlySet<string> = new Set([...hopByHop, 'content-length', 'date', 'server-timing', 'x-request-id', 'x-start-class']);

/** `begun`: bytes that the client has not taken yet are not out of the way until it has. */
type State =
  | { readonly at: 'open' }
  | { readonly at: 'begun'; readonly start: StartClass; readonly used: (bytes: number) => void; waiting: number }
  | { readonly at: 'settled' };

export class Invocation implements Call {
  readonly lambda: string;
  readonly head: RequestHead;
  readonly body: RequestBody;
  readonly force: StartClass | undefined;
  readonly phases: Phases;
  sandbox: string | undefined = undefined;
  cancel: ((why: WorkerError) => void) | undefined = undefined;
  readonly #exchange: Exchange;
  readonly #asker: Asker;
  readonly #log: (entry: LogEntry) => void;
  #state: State = { at: 'open' };

  constructor(
    given: Pick<Call, 'lambda' | 'head' | 'body' | 'force' | 'phases'>,
    from: { exchange: Exchange; asker: Asker; log: (entry: LogEntry) => void },
  ) {
    this.lambda = given.lambda;
    this.head = given.head;
    this.body = given.body;
    this.force = given.force;
    this.phases = given.phases;
    this.#exchange = from.exchange;
    this.#asker = from.asker;
    this.#log = from.log;
    from.exchange.onAbort = () => this.stop(new WorkerError('client-gone'));
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
      this.#exchange.begin(reply.status, this.#headers(reply.headers, start), lengthOf(reply.headers));
      this.#state = { at: 'begun', start, used, waiting: 0 };
    } catch (cause) {
      if (!(cause instanceof TypeError)) throw cause;
      this.stop(new WorkerError('reply-invalid', { detail: cause.message, cause }));
    }
  }

  chunk(bytes: Uint8Array): void {
    const state = this.#state;
    if (state.at !== 'begun') return;
    if (this.#exchange.write(bytes)) state.used(bytes.length);
    else state.waiting += bytes.length;
  }

  settle(outcome: Outcome): void {
    const { at } = this.#state;
    if (at === 'settled') {
      this.#tell('error', 'call settled more than once, ignoring', new Error(`second outcome: ${outcome.at}`));
      return;
    }
    this.#state = { at: 'settled' };
    if (outcome.at === 'failed') this.#fail(outcome.error, outcome.start, at === 'begun');
    else if (outcome.at === 'answered') this.#answer(outcome.reply, outcome.start);
    else {
      this.phases.mark('stream');
      this.#exchange.end();
    }
  }

  /** Settles with what was thrown, unless it is settled. */
  threw(cause: unknown): void {
    if (this.#state.at === 'settled') this.#tell('error', 'invoke threw after its call was settled, ignoring', cause);
    else this.settle({ at: 'failed', error: asWorkerError(cause), start: undefined });
  }

  #drained(): void {
    const state = this.#state;
    if (state.at !== 'begun') return;
    const { waiting } = state;
    state.waiting = 0;
    state.used(waiting);
  }

  #answer(reply: Reply, start: StartClass): void {
    this.phases.mark('reply');
    try {
      this.#exchange.reply(reply.status, this.#headers(reply.headers, start), reply.body);
    } catch (cause) {
      if (!(cause instanceof TypeError)) throw cause;
      this.#fail(new WorkerError('reply-invalid', { detail: cause.message, cause }), start, false);
    }
  }

  /** What the lambda says, and what the worker says to it. */
  #headers(given: Headers, start: StartClass): Headers {
    const headers: Headers[number][] = [];
    for (const header of given) if (!owned.has(header[0].toLowerCase())) headers.push(header);
    headers.push(['x-request-id', this.head.id], ['x-start-class', start], ['server-timing', this.phases.header()]);
    return headers;
  }

  #fail(error: WorkerError, start: StartClass | undefined, begun: boolean): void {
    // What a handler raises is its own affair, and the caller is told; the rest is this worker's.
    if (error.status >= 500 && (begun || error.code !== 'handler-raised'))
      this.#tell(error.code === 'internal' ? 'error' : 'warn', begun ? `reply cut: ${error.message}` : error.message, error.cause);
    this.phases.mark('reply');
    if (begun) {
      this.#exchange.destroy();
      return;
    }
    const { status, headers, body } = errorReply(error, this.#asker, start);
    this.#exchange.reply(status, [...headers, ['server-timing', this.phases.header()]], body);
  }

  #tell(level: LogEntry['level'], message: string, cause: unknown): void {
    this.#log({ level, message, requestId: this.head.id, lambda: this.lambda, cause });
  }
}

/** The length that a lambda announces; one that is no number is not passed on, and the body comes in chunks. */
function lengthOf(headers: Headers): number | undefined {
  const given = headers.find(([name]) => name.toLowerCase() === 'content-length')?.[1];
  return given !== undefined && /^\d{1,15}$/.test(given) ? Number(given) : undefined;
}
