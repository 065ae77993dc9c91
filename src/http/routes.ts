// What a request means: the invocation of a lambda, or one of the worker's own paths; and what is refused before a lambda hears of it.
import { WorkerError } from '../errors.ts';
import type { Call } from '../lambda/call.ts';
import type { Finished } from '../observe/finished.ts';
import { requestIds } from '../observe/ids.ts';
import { Phases } from '../observe/phases.ts';
import { TraceContexts } from '../observe/traceparent.ts';
import { type RequestBody, type StartClass, startClasses } from '../sandbox/sandbox.ts';
import type { Via } from './admin/access.ts';
import type { Paths } from './admin/paths.ts';
import { Counted } from './counted.ts';
import type { Exchange, Handler } from './engine.ts';
import { type Asker, askerOf, type ErrorReply, errorReply, methodNotAllowed } from './error-reply.ts';
import { Invocation, type LogEntry } from './invocation.ts';
import { requestHead } from './request-head.ts';
import { target } from './target.ts';

export interface RouteDeps {
  /** Takes the call and settles it, now or later. What it throws settles the call as failed. */
  invoke(call: Call): void;
  /** False while stopping: no new call is taken then. Asked for every request. */
  accepts(): boolean;
  readonly paths: Pick<Paths, 'serve'>;
  /** Whether it is known of a lambda that it takes bodies only whole. */
  takesWhole(lambda: string): boolean;
  /** Bytes that a request body may have. */
  readonly bodyLimit: number;
  /** Whether pages of lambdas are kept from the origin of the worker. */
  readonly sandboxPages: boolean;
  /** Whether X-Force-Start is heeded. */
  readonly forceStart: boolean;
  /** Whether traces that begin here are said to be kept. */
  readonly sampled: boolean;
  /** Called once for each request that is none of the worker's own paths. */
  record(finished: Finished, error: WorkerError | undefined): void;
  log(entry: LogEntry): void;
}

type Lambda = Extract<ReturnType<typeof target>, { at: 'lambda' }>;

/** What is known of each request from its first moment. */
interface Begun {
  readonly exchange: Exchange;
  readonly asker: Asker;
  /** Milliseconds of performance.now(). */
  readonly began: number;
  readonly phases: Phases;
}

/**
 * The call of a lambda that takes bodies whole begins when its body is there, or so much of it: whoever sends slowly must not hold an instance meanwhile.
 * What is longer streams.
 */
const enoughToBegin = 1 << 18;

export function routes(deps: RouteDeps, via: Via = 'tcp'): Handler {
  const nextId = requestIds();
  const traces = new TraceContexts();
  return (exchange) => {
    const began = performance.now();
    const asker = askerOf(exchange, nextId);
    const request = { exchange, asker, began, phases: new Phases(began) };
    const named = target(exchange.path);
    if (named.at === 'lambda') invoke(deps, request, named, traces);
    else if (named.at === 'bad-name') refuse(deps, request, undefined, new WorkerError('lambda-name'));
    else if (!deps.paths.serve(exchange, asker, via)) refuse(deps, request, undefined, new WorkerError('path-unknown'));
  };
}

function invoke(deps: RouteDeps, request: Begun, lambda: Lambda, traces: TraceContexts): void {
  const { exchange, asker, began, phases } = request;
  if (lambda.method !== undefined && exchange.method !== lambda.method) {
    otherMethod(deps, request, lambda.name, lambda.method);
    return;
  }
  const force = deps.accepts() ? forced(exchange.header('x-force-start'), deps.forceStart) : new WorkerError('draining');
  if (force instanceof WorkerError) {
    refuse(deps, request, lambda.name, force);
    return;
  }
  const { head, trace } = requestHead(exchange, { root: lambda.root, id: asker.requestId, traces, sampled: deps.sampled });
  let call: Invocation | undefined;
  const begin = (given: RequestBody) => {
    phases.mark('receive');
    const body = given.rest === undefined ? given : new Counted(given.first, given.rest);
    call = new Invocation({ lambda: lambda.name, head, body, force, phases }, { exchange, asker, began, trace, deps });
    try {
      deps.invoke(call);
    } catch (cause) {
      call.threw(cause);
    }
  };
  exchange.onAbort = () => recordRefused(deps, request, lambda.name, new WorkerError('client-gone'));
  exchange.readBody({
    limit: deps.bodyLimit,
    enough: enoughToBegin,
    early: () => !deps.takesWhole(lambda.name),
    begin,
    refused: (why) => {
      if (call === undefined) refuse(deps, request, lambda.name, why);
      else if (why.code !== 'body-late') call.stop(why); // how long it may take has the call's own limit
    },
  });
}

/** The start class that X-Force-Start asks for, or why it cannot be asked for. */
function forced(asked: string, allowed: boolean): StartClass | WorkerError | undefined {
  if (asked === '') return undefined;
  if (!allowed) return new WorkerError('force-start-off');
  return (
    startClasses.find((known) => known === asked) ?? new WorkerError('force-start', { detail: `not ${JSON.stringify(asked.slice(0, 40))}` })
  );
}

function otherMethod(deps: RouteDeps, request: Begun, lambda: string, only: string): void {
  const { exchange, asker } = request;
  if (exchange.method === 'OPTIONS') {
    exchange.reply(
      204,
      [
        ['x-request-id', asker.requestId],
        ['allow', only],
      ],
      '',
    );
    return;
  }
  send(exchange, methodNotAllowed(asker, exchange.method, [only]));
  recordRefused(deps, request, lambda, new WorkerError('method-not-allowed'));
}

function refuse(deps: RouteDeps, request: Begun, lambda: string | undefined, error: WorkerError): void {
  request.exchange.onAbort = undefined;
  send(request.exchange, errorReply(error, request.asker));
  recordRefused(deps, request, lambda, error);
}

function recordRefused({ record }: RouteDeps, request: Begun, lambda: string | undefined, error: WorkerError): void {
  const { exchange, asker, began, phases } = request;
  phases.mark('receive');
  const finished: Finished = {
    requestId: asker.requestId,
    lambda,
    method: exchange.method,
    path: exchange.path,
    status: error.status,
    start: undefined,
    errorCode: error.code,
    phases,
    began,
    ended: phases.end(),
    bytesIn: 0,
    bytesOut: 0,
    sandbox: undefined,
    trace: undefined,
  };
  record(finished, error);
}

function send(exchange: Exchange, { status, headers, body }: ErrorReply): void {
  exchange.reply(status, headers, body);
}
