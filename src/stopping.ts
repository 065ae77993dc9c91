// How a worker stops: it turns calls away step by step, answers those that it has, and closes what it is made of.
import { setTimeout } from 'node:timers/promises';
import type { Log } from './observe/log.ts';

/**
 * The end of draining, in which no connection is taken while calls on open ones are: a balancer that looks at `/status` has turned away by then, and one that
 * learns of a stop only from refused connections (nginx) lets go of those that it keeps.
 */
const mostDeafMs = 2500;
/** Closing is a matter of milliseconds; whatever keeps it from ending must not keep the worker. */
const closeLimitMs = 30_000;

export interface Stoppable {
  readonly log: Log;
  /** How long calls are still taken while `/status` says draining. */
  readonly drainMs: number;
  /** How long a call that was accepted may take. */
  readonly callLimitMs: number;
  enter(state: 'draining' | 'stopping'): void;
  /** No connection is taken any more. May be called twice. */
  stopAccepting(): void;
  /** Resolves when the calls that were accepted have their answers, at the latest when the signal aborts. */
  answered(signal: AbortSignal): Promise<void>;
  close(): Promise<void>;
}

/**
 * `why`: what the log says of it.
 *
 * @throws Error when closing took too long.
 */
export async function stop(why: string, worker: Stoppable): Promise<void> {
  const { log, drainMs } = worker;
  if (drainMs > 0) {
    worker.enter('draining');
    log.info(`${why}: draining for ${drainMs} ms, /status says so`);
    const deaf = Math.min(drainMs / 2, mostDeafMs);
    await setTimeout(drainMs - deaf);
    worker.stopAccepting();
    log.info(`${why}: taking calls on open connections for ${deaf} ms more`);
    await setTimeout(deaf);
  }
  worker.enter('stopping');
  log.info(`${why}: finishing what was accepted`);
  worker.stopAccepting();
  await worker.answered(AbortSignal.timeout(worker.callLimitMs));
  const done = await Promise.race([worker.close().then(() => true), setTimeout(closeLimitMs, false, { ref: false })]);
  if (done) {
    log.info('stopped');
    return;
  }
  const late = `closing took over ${closeLimitMs / 1000} s: the next start removes what is left`;
  log.error(late);
  throw new Error(`stop: ${late}`);
}
