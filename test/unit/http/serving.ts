// Live things for the tests of the front end: a listening engine, raw connections to it, calls that tests settle by hand.
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import type { BodyTaking, Engine, Exchange, Fault, Handler, Listening } from '../../../src/http/engine.ts';
import { chooseEngine, type EngineOptions } from '../../../src/http/engines.ts';
import type { LogEntry } from '../../../src/http/invocation.ts';
import { nodeEngine } from '../../../src/http/node.ts';
import { type RouteDeps, routes } from '../../../src/http/routes.ts';
import { uwsEngine } from '../../../src/http/uws.ts';
import type { Call, Outcome, Reply } from '../../../src/lambda/call.ts';
import type { Finished } from '../../../src/observe/finished.ts';

export interface Serving {
  readonly listening: Listening;
  readonly port: number;
  readonly url: string;
  /** What handlers threw. */
  readonly faults: unknown[];
}

type Make = (fault: Fault) => Engine;

const engines: Readonly<Record<'uws' | 'node', Make>> = { uws: (fault) => uwsEngine(fault), node: (fault) => nodeEngine(fault) };
/** With times that one can wait for. Those of uWebSockets.js are 10 to 14 s. */
const hasty: typeof engines = {
  uws: (fault) => uwsEngine(fault, { silenceMs: 400 }),
  node: (fault) => nodeEngine(fault, { timeoutMs: 1000, silenceMs: 400 }),
};

export type Serve = (handler: Handler) => Promise<Serving>;
/** What a test of both engines gets. `fresh` is an engine that does not listen yet. */
export interface Subject {
  readonly serve: Serve;
  /** As serve, but with little patience. */
  readonly serveHastily: Serve;
  readonly engine: 'uws' | 'node';
  readonly fresh: Make;
}

/** A test for both engines, or one of them when this Node has only that. */
export function onBoth(title: string, run: (t: TestContext, subject: Subject) => Promise<void>): void {
  for (const [engine, fresh] of Object.entries(engines) as ['uws' | 'node', Make][]) {
    const skip = engine === 'uws' && noUws;
    test(`${engine}: ${title}`, { skip }, (t) =>
      run(t, {
        engine,
        fresh,
        serve: (handler) => serve(t, handler, fresh),
        serveHastily: (handler) => serve(t, handler, hasty[engine]),
      }),
    );
  }
}

/** Why uWebSockets.js cannot be tried here, false if it can. */
export const noUws: string | false = chooseEngine(() => {}).reason ?? false;

export async function serve(t: TestContext, handler: Handler, make: Make = (fault) => chooseEngine(fault)): Promise<Serving> {
  const faults: unknown[] = [];
  const listening = await make((cause) => faults.push(cause)).listen({ host: '127.0.0.1', port: 0, handler });
  t.after(() => listening.closeAll());
  return { listening, port: listening.port, url: `http://127.0.0.1:${listening.port}`, faults };
}

/** Serves routes whose invocations go to `invoke`. */
export async function serveRoutes(
  t: TestContext,
  invoke: (call: Call) => void,
  deps: Partial<RouteDeps> = {},
  options: EngineOptions = {},
) {
  const logged: LogEntry[] = [];
  const recorded: Finished[] = [];
  const all: RouteDeps = {
    invoke,
    accepts: () => true,
    takesWhole: () => true,
    paths: { serve: () => false },
    bodyLimit: 1000,
    sandboxPages: false,
    forceStart: true,
    sampled: false,
    record: (finished) => recorded.push(finished),
    log: (entry) => logged.push(entry),
    ...deps,
  };
  return { ...(await serve(t, routes(all), (fault) => chooseEngine(fault, options))), logged, recorded };
}

export function answered(reply: Partial<Reply>): Outcome {
  return { at: 'answered', start: 'warm', reply: { status: 200, headers: [], body: Buffer.from(''), ...reply } };
}

/** Reads the body of an exchange. */
export function take(exchange: Exchange, limit: number, enough: number, begin: BodyTaking['begin'], refused: BodyTaking['refused']): void {
  exchange.readBody({ limit, enough, begin, refused });
}

export interface Raw {
  readonly socket: Socket;
  send(...parts: readonly (string | Uint8Array)[]): void;
  /** All that came so far, Latin-1, once it has `part`; rejects when the connection ends without it. */
  until(part: string | RegExp | ((all: string) => boolean)): Promise<string>;
  /** All that came until the connection was ended by the server, however it did. */
  readonly ended: Promise<string>;
}

/** A connection that does only what it is told. */
export async function raw(t: TestContext, port: number): Promise<Raw> {
  const socket = connect(port, '127.0.0.1');
  t.after(() => socket.destroy());
  let got = '';
  socket.on('data', (bytes) => {
    got += bytes.toString('latin1');
  });
  socket.on('error', () => {}); // a reset is one way to end; `ended` and `until` tell
  const ended = new Promise<string>((resolve) => socket.once('close', () => resolve(got)));
  await once(socket, 'connect');
  return {
    socket,
    ended,
    send: (...parts) => {
      for (const part of parts) socket.write(part);
    },
    until: (part) =>
      new Promise((resolve, reject) => {
        const has = () => {
          if (typeof part === 'string') return got.includes(part);
          return typeof part === 'function' ? part(got) : part.test(got);
        };
        const look = () => {
          if (has()) resolve(got);
        };
        socket.on('data', look);
        socket.once('close', () =>
          has() ? resolve(got) : reject(new Error(`connection ended without ${part}: ${JSON.stringify(got.slice(-1000))}`)),
        );
        look();
      }),
  };
}

/** For a callback that must not be called. */
export function never(): void {
  throw new Error('called, and should not be');
}

export function request(method: string, path: string, headers: Readonly<Record<string, string | number>> = {}): string {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  return `${method} ${path} HTTP/1.1\r\nhost: test\r\n${lines.join('')}\r\n`;
}

/** A part of a body with `transfer-encoding: chunked`; the last one is of no bytes. */
export function chunk(bytes: string): string {
  return `${bytes.length.toString(16)}\r\n${bytes}\r\n`;
}

/** A value that comes later, with its resolve beside it. */
export function later<T>(): { readonly value: Promise<T>; resolve(value: T): void } {
  let resolve: (value: T) => void = () => {};
  const value = new Promise<T>((done) => {
    resolve = done;
  });
  return { value, resolve };
}
