// The paths of the worker: which request means what, and what is refused before a lambda hears of it.
import { WorkerError } from '../errors.ts';
import type { Call } from '../lambda/call.ts';
import { requestIds } from '../observe/ids.ts';
import { Phases } from '../observe/phases.ts';
import { type RequestBody, type StartClass, startClasses } from '../sandbox/sandbox.ts';
import type { Exchange, Handler } from './engine.ts';
import { type Asker, type ErrorReply, errorReply, json, methodNotAllowed, plain } from './error-reply.ts';
import { Invocation, type LogEntry } from './invocation.ts';
import { requestHead } from './request-head.ts';
import { target } from './target.ts';

export interface RouteDeps {
  /** Takes the call and settles it, now or later. What it throws settles the call as failed. */
  invoke(call: Call): void;
  /** False while stopping: nothing new is taken then. Asked for every request. */
  ready(): boolean;
  /** For `GET /status` with `Accept: application/json`. */
  details(): Readonly<Record<string, unknown>>;
  /** Bytes that a request body may have. */
  readonly bodyLimit: number;
  /** Whether X-Force-Start is heeded. */
  readonly forceStart: boolean;
  log(entry: LogEntry): void;
}

type Lambda = Extract<ReturnType<typeof target>, { at: 'lambda' }>;

/**
 * A call begins when its body is there, or so much of it: whoever sends slowly must not hold an instance meanwhile. What is longer streams.
 */
const enoughToBegin = 1 << 18;

// Visible ASCII, so that it can go into logs and headers as it is.
const usableId = /^[\x21-\x7e]{1,128}$/;

export function routes(deps: RouteDeps): Handler {
  const nextId = requestIds();
  return (exchange) => {
    const phases = new Phases(performance.now());
    const given = exchange.header('x-request-id');
    const asker: Asker = { requestId: usableId.test(given) ? given : nextId(), accept: exchange.header('accept') };
    const named = target(exchange.path);
    if (named.at === 'lambda') invoke(deps, exchange, asker, named, phases);
    else if (named.at === 'status') status(deps, exchange, asker);
    else send(exchange, errorReply(new WorkerError(named.at === 'bad-name' ? 'lambda-name' : 'path-unknown'), asker));
  };
}

function invoke(deps: RouteDeps, exchange: Exchange, asker: Asker, lambda: Lambda, phases: Phases): void {
  if (lambda.method !== undefined && exchange.method !== lambda.method) {
    send(exchange, methodNotAllowed(asker, exchange.method, [lambda.method]));
    return;
  }
  const force = deps.ready() ? forced(exchange.header('x-force-start'), deps.forceStart) : new WorkerError('draining');
  if (force instanceof WorkerError) {
    send(exchange, errorReply(force, asker));
    return;
  }
  const head = requestHead(exchange, lambda.root, asker.requestId);
  let call: Invocation | undefined;
  const begin = (body: RequestBody) => {
    phases.mark('receive');
    call = new Invocation({ lambda: lambda.name, head, body, force, phases }, { exchange, asker, log: deps.log });
    try {
      deps.invoke(call);
    } catch (cause) {
      call.threw(cause);
    }
  };
  exchange.readBody(deps.bodyLimit, enoughToBegin, begin, () => {
    const error = new WorkerError('body-too-large');
    if (call === undefined) send(exchange, errorReply(error, asker));
    else call.stop(error);
  });
}

function status(deps: RouteDeps, exchange: Exchange, asker: Asker): void {
  if (exchange.method !== 'GET' && exchange.method !== 'HEAD') {
    send(exchange, methodNotAllowed(asker, exchange.method, ['GET', 'HEAD']));
    return;
  }
  const ready = deps.ready();
  const id = ['x-request-id', asker.requestId] as const;
  if (asker.accept.includes('application/json')) {
    exchange.reply(ready ? 200 : 503, [id, json], `${JSON.stringify({ ready, ...deps.details() })}\n`);
  } else {
    exchange.reply(ready ? 200 : 503, [id, plain], ready ? 'ready\n' : 'draining\n');
  }
}

/** The start class that X-Force-Start asks for, or why it cannot be asked for. */
function forced(asked: string, allowed: boolean): StartClass | WorkerError | undefined {
  if (asked === '') return undefined;
  if (!allowed) return new WorkerError('force-start-off');
  return (
    startClasses.find((known) => known === asked) ?? new WorkerError('force-start', { detail: `not ${JSON.stringify(asked.slice(0, 40))}` })
  );
}

function send(exchange: Exchange, { status, headers, body }: ErrorReply): void {
  exchange.reply(status, headers, body);
}
