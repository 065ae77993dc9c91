// One invocation as the front end sees it: the Call that goes down, and the reply that comes of it, exactly once.
import { asWorkerError, WorkerError } from '../errors.ts';
import type { Call, Outcome, Reply } from '../lambda/call.ts';
import type { Phases } from '../observe/phases.ts';
import type { StartClass } from '../sandbox/sandbox.ts';
import type { Exchange } from './engine.ts';
import { type Asker, errorReply } from './error-reply.ts';
import type { Headers } from './head.ts';

export interface LogEntry {
  readonly level: 'warn' | 'error';
  readonly message: string;
  readonly requestId: string;
  readonly lambda: string | undefined;
  readonly cause: unknown;
}

/** What the front end says of the reply and its connection, so that a lambda's word on it is left out (the first eight: RFC 9110, 7.6.1). */
const owned: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'content-length',
  'date',
  'server-timing',
  'x-request-id',
  'x-start-class',
]);

export class Invocation implements Call {
  readonly lambda: string;
  readonly requestId: string;
  readonly body: Uint8Array;
  readonly force: StartClass | undefined;
  readonly phases: Phases;
  cancel: (() => void) | undefined = undefined;
  readonly #exchange: Exchange;
  readonly #asker: Asker;
  readonly #log: (entry: LogEntry) => void;
  #settled = false;

  constructor(
    given: Pick<Call, 'lambda' | 'body' | 'force' | 'phases'>,
    from: { exchange: Exchange; asker: Asker; log: (entry: LogEntry) => void },
  ) {
    this.lambda = given.lambda;
    this.body = given.body;
    this.force = given.force;
    this.phases = given.phases;
    this.requestId = from.asker.requestId;
    this.#exchange = from.exchange;
    this.#asker = from.asker;
    this.#log = from.log;
    from.exchange.onAbort = () => {
      if (!this.#settled) this.cancel?.();
    };
  }

  settle(outcome: Outcome): void {
    if (this.#settled) {
      this.#tell('error', 'call settled more than once, ignoring', new Error(`second outcome: ${outcome.at}`));
      return;
    }
    this.#settled = true;
    if (outcome.at === 'failed') this.#fail(outcome.error, outcome.start);
    else this.#answer(outcome.reply, outcome.start);
  }

  /** Settles with what was thrown, unless it is settled. */
  threw(cause: unknown): void {
    if (this.#settled) this.#tell('error', 'invoke threw after its call was settled, ignoring', cause);
    else this.settle({ at: 'failed', error: asWorkerError(cause), start: undefined });
  }

  #answer(reply: Reply, start: StartClass): void {
    const headers: Headers[number][] = [];
    for (const header of reply.headers) {
      if (!owned.has(header[0].toLowerCase())) headers.push(header);
    }
    this.phases.mark('reply');
    headers.push(['x-request-id', this.requestId], ['x-start-class', start], ['server-timing', this.phases.header()]);
    try {
      this.#exchange.reply(reply.status, headers, reply.body);
    } catch (cause) {
      if (!(cause instanceof TypeError)) throw cause;
      this.#fail(new WorkerError('reply-invalid', { detail: cause.message, cause }), start);
    }
  }

  #fail(error: WorkerError, start: StartClass | undefined): void {
    // What a handler raises is its own affair, and the caller is told; the rest is this worker's.
    if (error.status >= 500 && error.code !== 'handler-raised')
      this.#tell(error.code === 'internal' ? 'error' : 'warn', error.message, error.cause);
    this.phases.mark('reply');
    const { status, headers, body } = errorReply(error, this.#asker, start);
    this.#exchange.reply(status, [...headers, ['server-timing', this.phases.header()]], body);
  }

  #tell(level: LogEntry['level'], message: string, cause: unknown): void {
    this.#log({ level, message, requestId: this.requestId, lambda: this.lambda, cause });
  }
}
