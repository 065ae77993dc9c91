// All paths of the worker beside those that invoke lambdas. `anyone` may read counters and whether it is ready: they name lambdas that were called, and
// nothing that is in them.
import type { registry } from './registry.ts';
import type { Answerer, Route } from './route.ts';

export interface Answerers {
  readonly status: Answerer;
  readonly pid: Answerer;
  readonly registry: ReturnType<typeof registry>;
}

export function table({ status, pid, registry }: Answerers): readonly Route[] {
  return [
    { path: '/status', who: 'anyone', GET: status },
    { path: '/registry', who: 'admin', GET: registry.list },
    { path: '/registry/', who: 'admin', GET: registry.list },
    {
      path: '/registry/<name>',
      who: 'admin',
      GET: registry.download,
      POST: registry.upload,
      PUT: registry.upload,
      DELETE: registry.remove,
    },
    { path: '/registry/<name>/config', who: 'admin', GET: registry.config },
    { path: '/pid', who: 'socket', GET: pid },
  ];
}
