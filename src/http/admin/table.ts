// All paths of the worker beside those that invoke lambdas. `anyone` may read counters and whether it is ready: they name lambdas that were called, and
// nothing that is in them.
import type { Observing } from './observing.ts';
import type { registry } from './registry.ts';
import type { Answerer, Route } from './route.ts';

export interface Answerers {
  readonly status: Answerer;
  readonly pid: Answerer;
  readonly registry: ReturnType<typeof registry>;
  readonly observing: Observing;
}

export function table({ status, pid, registry, observing }: Answerers): readonly Route[] {
  return [
    { path: '/status', who: 'anyone', GET: status },
    { path: '/stats', who: 'anyone', GET: observing.stats },
    { path: '/metrics', who: 'anyone', GET: observing.metrics },
    { path: '/debug', who: 'admin', GET: observing.debug },
    { path: '/trace', who: 'admin', GET: observing.trace },
    { path: '/logs/<name>', who: 'admin', GET: observing.logs },
    { path: '/pprof/cpu-start', who: 'admin', GET: observing.cpuStart, POST: observing.cpuStart },
    { path: '/pprof/cpu-stop', who: 'admin', GET: observing.cpuStop, POST: observing.cpuStop },
    { path: '/pprof/mem', who: 'admin', GET: observing.heap },
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
