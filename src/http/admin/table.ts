// All paths of the worker beside those that invoke lambdas. `anyone` may read counters and whether it is ready: they name lambdas that were called, and
// nothing that is in them.
import type { DashboardAnswerers } from './dashboard.ts';
import type { ImagePaths } from './images.ts';
import type { Observing } from './observing.ts';
import type { registry } from './registry.ts';
import type { Answerer, Route } from './route.ts';
import type { SockAnswerers } from './sock-mode.ts';

export interface Answerers {
  readonly status: Answerer;
  readonly pid: Answerer;
  readonly dashboard: DashboardAnswerers;
  readonly observing: Observing;
  readonly images: ImagePaths;
  /** What is called: lambdas of the registry, or single sandboxes. */
  readonly mode: { readonly registry: ReturnType<typeof registry> } | { readonly sock: SockAnswerers };
}

export function table({ status, pid, observing, images, dashboard, mode }: Answerers): readonly Route[] {
  return [
    { path: '/status', who: 'anyone', GET: status },
    { path: '/stats', who: 'anyone', GET: observing.stats },
    { path: '/metrics', who: 'anyone', GET: observing.metrics },
    { path: '/trace', who: 'admin', GET: observing.trace },
    { path: '/logs/<name>', who: 'admin', GET: observing.logs },
    { path: '/pprof/cpu-start', who: 'admin', GET: observing.cpuStart, POST: observing.cpuStart },
    { path: '/pprof/cpu-stop', who: 'admin', GET: observing.cpuStop, POST: observing.cpuStop },
    { path: '/pprof/mem', who: 'admin', GET: observing.heap },
    { path: '/dashboard', who: 'anyone', GET: dashboard.page },
    { path: '/dashboard/data', who: 'admin', GET: dashboard.data },
    { path: '/dashboard/<asset>', who: 'anyone', GET: dashboard.asset },
    { path: '/images/pull', who: 'admin', POST: images.pull },
    { path: '/pid', who: 'socket', GET: pid },
    ...('sock' in mode ? sockRoutes(mode.sock) : lambdaRoutes(mode.registry, observing)),
  ];
}

function lambdaRoutes({ list, download, upload, remove, config }: ReturnType<typeof registry>, { debug }: Observing): readonly Route[] {
  return [
    { path: '/debug', who: 'admin', GET: debug },
    { path: '/registry', who: 'admin', GET: list },
    { path: '/registry/', who: 'admin', GET: list },
    { path: '/registry/<name>', who: 'admin', GET: download, POST: upload, PUT: upload, DELETE: remove },
    { path: '/registry/<name>/config', who: 'admin', GET: config },
  ];
}

function sockRoutes({ create, destroy, pause, unpause, debug }: SockAnswerers): readonly Route[] {
  return [
    { path: '/debug', who: 'admin', GET: debug, POST: debug },
    { path: '/create', who: 'admin', POST: create },
    { path: '/destroy/<id>', who: 'admin', POST: destroy },
    { path: '/pause/<id>', who: 'admin', POST: pause },
    { path: '/unpause/<id>', who: 'admin', POST: unpause },
  ];
}
