// GET /status: whether calls should be sent here, for people, scripts, and load balancers.
import { preferred } from '../accept.ts';
import { json, plain } from '../error-reply.ts';
import type { Answerer } from './route.ts';

export interface StatusOptions {
  /** False while stopping. */
  ready(): boolean;
  /** For those who ask for JSON. */
  details(): Readonly<Record<string, unknown>>;
}

export function status({ ready, details }: StatusOptions): Answerer {
  return ({ asker }) => {
    const [isReady, type] = [ready(), preferred(asker.accept, ['text/plain', 'application/json'])];
    return {
      status: isReady ? 200 : 503,
      ...(type === 'application/json'
        ? { headers: [json], body: `${JSON.stringify({ ready: isReady, ...details() })}\n` }
        : { headers: [plain], body: isReady ? 'ready\n' : 'draining\n' }),
    };
  };
}
