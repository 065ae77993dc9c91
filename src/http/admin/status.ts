// GET /status: whether calls should be sent here, for people, scripts, and load balancers.
import { preferred } from '../accept.ts';
import { json, plain } from '../error-reply.ts';
import type { Answerer } from './route.ts';

export interface StatusOptions {
  /** False while stopping. */
  ready(): boolean;
  /** For those who ask for JSON. */
  details(): Readonly<Record<string, unknown>>;
  /** For those of them who may use the admin API: what tells of the machine. */
  own(): Readonly<Record<string, unknown>>;
}

export function status({ ready, details, own }: StatusOptions): Answerer {
  return ({ asker, isAdmin }) => {
    const [isReady, type] = [ready(), preferred(asker.accept, ['text/plain', 'application/json'])];
    return {
      status: isReady ? 200 : 503,
      ...(type === 'application/json'
        ? { headers: [json], body: `${JSON.stringify({ ready: isReady, ...details(), ...(isAdmin() && own()) })}\n` }
        : { headers: [plain], body: isReady ? 'ready\n' : 'draining\n' }),
    };
  };
}
