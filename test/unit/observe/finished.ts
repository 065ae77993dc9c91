// Requests that have ended, made up for tests.
import type { Finished } from '../../../src/observe/finished.ts';
import { Phases } from '../../../src/observe/phases.ts';

export type Given = Partial<Omit<Finished, 'phases' | 'ended'>> & { readonly phases?: readonly (readonly [name: string, ms: number])[] };

let made = 0;

/** A warm call of the lambda `echo` that took 1 ms, or what is `given`; it lasts as long as its phases do. */
export function finished({ phases = [['handler', 1]], ...given }: Given = {}): Finished {
  made++;
  const began = given.began ?? 1000;
  const watch = new Phases(began);
  let at = began;
  for (const [name, ms] of phases) {
    at += ms;
    watch.mark(name, at);
  }
  return {
    requestId: `r-${made}`,
    lambda: 'echo',
    method: 'POST',
    path: '/run/echo',
    status: 200,
    start: 'warm',
    errorCode: undefined,
    bytesIn: 2,
    bytesOut: 3,
    sandbox: '1',
    trace: undefined,
    ...given,
    began,
    ended: at,
    phases: watch,
  };
}
