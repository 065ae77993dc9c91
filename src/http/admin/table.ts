// All paths of the worker beside those that invoke lambdas. `anyone` may read counters and whether it is ready: they name lambdas that were called, and
// nothing that is in them.
import type { Answerer, Route } from './route.ts';

export interface Answerers {
  readonly status: Answerer;
  readonly pid: Answerer;
}

export function table({ status, pid }: Answerers): readonly Route[] {
  return [
    { path: '/status', who: 'anyone', GET: status },
    { path: '/pid', who: 'socket', GET: pid },
  ];
}
