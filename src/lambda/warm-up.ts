// The call that nobody made: it has an instance load the handler and calls nothing.
import { Phases } from '../observe/phases.ts';
import type { Call, Outcome } from './call.ts';

const nothing = new Uint8Array(0);

export function warmUpCall(lambda: string, settled: (outcome: Outcome) => void): Call {
  const root = `/run/${lambda}`;
  return {
    lambda,
    head: { id: `warm-up of ${lambda}`, method: 'GET', root, path: '', query: '', headers: [], client: '' },
    body: { first: nothing, rest: undefined },
    force: undefined,
    phases: new Phases(performance.now()),
    sandbox: undefined,
    cancel: undefined,
    begin: () => {},
    chunk: () => {},
    settle: settled,
  };
}
