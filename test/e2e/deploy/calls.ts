// Calls through a balancer, and a steady load of them that is counted on both sides: what callers got, and what the workers ran.
import { EventEmitter, once } from 'node:events';
import type { TestContext } from 'node:test';
import { Agent, request } from 'undici';
import type { Owner, Worker } from '../worker.ts';

/** Tells in the log that it ran, with the id of its event. */
export const ran = `import time
def f(event):
  print("ran", event.get("id"), flush=True)
  time.sleep(event.get("s", 0))
  return event
`;

export interface Got {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
}

export interface Asking {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
}

export type Ask = (path: string, asking?: Asking) => Promise<Got>;

/** Requests to a port, over connections that are kept. */
export function client(owner: Owner, port: number): Ask {
  const dispatcher = new Agent();
  owner.after(() => dispatcher.destroy());
  return async (path, { method = 'POST', headers = {}, body } = {}) => {
    const reply = await request(`http://127.0.0.1:${port}${path}`, { dispatcher, method, headers, body: body ?? null });
    return { status: reply.statusCode, headers: reply.headers, text: await reply.body.text() };
  };
}

/** How often each id of `ran` was run, by all these workers. */
export function runs(workers: readonly Worker[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { msg } of workers.flatMap(({ log }) => log)) {
    if (!msg.startsWith('ran ')) continue;
    counts.set(msg.slice(4), (counts.get(msg.slice(4)) ?? 0) + 1);
  }
  return counts;
}

/** `callers` clients, each of which calls one lambda after the other until stopped. */
export class Load {
  readonly answered: string[] = [];
  /** What was not answered 200: the id, and how it ended. */
  readonly failed: { readonly id: string; readonly how: string }[] = [];
  readonly #events = new EventEmitter().setMaxListeners(0);
  readonly #callers: Promise<void>[];
  #stopped = false;

  constructor(t: TestContext, options: { ask: Ask; lambdas: readonly string[]; callers: number }) {
    const { ask, lambdas } = options;
    this.#callers = Array.from({ length: options.callers }, async (_, caller) => {
      for (let n = 0; !this.#stopped; n++) {
        const id = `${caller}-${n}`;
        const lambda = lambdas[(caller + n) % lambdas.length];
        const body = JSON.stringify({ id, s: 0.005 });
        const how = await ask(`/runLambda/${lambda}`, { body }).then(
          ({ status, text }) => (status === 200 && JSON.parse(text).id === id ? 200 : `${status} ${text}`),
          String,
        );
        if (how === 200) this.answered.push(id);
        else this.failed.push({ id, how: `${how}` });
        this.#events.emit('call');
      }
    });
    t.after(() => this.stop());
  }

  /** Resolves when this many more calls were answered. */
  async more(calls: number): Promise<void> {
    const [until, failed] = [this.answered.length + calls, this.failed.length];
    while (this.answered.length < until) {
      await once(this.#events, 'call');
      if (this.failed.length > failed + 100) throw new Error(`calls fail: ${JSON.stringify(this.failed.slice(-10))}`);
    }
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#callers);
  }
}
