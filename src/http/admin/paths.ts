// Serves the paths of the worker's own: finds the route, sees to it that the method is right and that the caller may, and sends what the answerer says.
import { asWorkerError, type WorkerError } from '../../errors.ts';
import type { Exchange } from '../engine.ts';
import { type Asker, errorReply, methodNotAllowed } from '../error-reply.ts';
import type { Access, Via } from './access.ts';
import { incoming } from './incoming.ts';
import { Outgoing } from './outgoing.ts';
import { type Answerer, type Asked, type Method, methods, type Route } from './route.ts';

export interface PathOptions {
  readonly routes: readonly Route[];
  readonly access: Access;
  /** Told of what an answerer threw that is no fault of the caller. */
  onFault(error: WorkerError, requestId: string): void;
}

interface From {
  readonly asker: Asker;
  readonly name: string;
  readonly via: Via;
}

export class Paths {
  readonly #routes: readonly (readonly [pattern: readonly string[], route: Route])[];
  readonly #options: PathOptions;

  constructor(options: PathOptions) {
    this.#options = options;
    this.#routes = options.routes.map((route) => [route.path.split('/'), route]);
  }

  /** Answers what came for one of its paths; false when it is none of them. */
  serve(exchange: Exchange, asker: Asker, via: Via): boolean {
    const found = this.#find(exchange.path);
    if (found === undefined || (found.route.who === 'socket' && via !== 'socket')) return false;
    const { route, name } = found;
    const { method } = exchange;
    const allow = allowed(route);
    if (method === 'OPTIONS') {
      exchange.reply(
        204,
        [
          ['x-request-id', asker.requestId],
          ['allow', allow.join(', ')],
        ],
        '',
      );
      return true;
    }
    const answerer = route[(method === 'HEAD' ? 'GET' : method) as Method];
    const refusal =
      answerer === undefined
        ? methodNotAllowed(asker, method, allow)
        : failure(route.who === 'admin' ? this.#options.access(exchange, via) : undefined, asker);
    if (refusal !== undefined) exchange.reply(refusal.status, refusal.headers, refusal.body);
    else if (answerer !== undefined) void this.#answer(exchange, { asker, name, via }, answerer);
    return true;
  }

  #find(path: string): { route: Route; name: string } | undefined {
    const segments = decoded(path);
    for (const [pattern, route] of this.#routes) {
      if (pattern.length !== segments.length) continue;
      let name = '';
      const matches = pattern.every((expected, i) => {
        const given = segments[i] ?? '';
        if (!expected.startsWith('<')) return expected === given;
        name = given;
        return given !== '';
      });
      if (matches) return { route, name };
    }
    return undefined;
  }

  async #answer(exchange: Exchange, { asker, name, via }: From, answerer: Answerer): Promise<void> {
    const outgoing = new Outgoing(exchange, asker.requestId);
    const asked: Asked = {
      asker,
      method: exchange.method as Asked['method'],
      name,
      query: new URLSearchParams(exchange.query),
      contentType: exchange.header('content-type'),
      isAdmin: () => this.#options.access(exchange, via) === undefined,
      gone: outgoing.gone,
      body: (limit) => incoming(exchange, limit, outgoing.gone),
    };
    try {
      await outgoing.send(await answerer(asked));
    } catch (cause) {
      const error = asWorkerError(cause);
      if (error.status >= 500) this.#options.onFault(error, asker.requestId);
      outgoing.fail(errorReply(error, asker));
    }
  }
}

function allowed(route: Route): string[] {
  return methods.filter((method) => route[method] !== undefined).flatMap((method) => (method === 'GET' ? ['GET', 'HEAD'] : [method]));
}

function failure(error: WorkerError | undefined, asker: Asker) {
  return error === undefined ? undefined : errorReply(error, asker);
}

/** Segment by segment, so that an encoded slash is no separator. What is encoded wrongly is no path: it matches none. */
function decoded(path: string): readonly string[] {
  if (!path.includes('%')) return path.split('/');
  try {
    return path.split('/').map(decodeURIComponent);
  } catch {
    return [];
  }
}
