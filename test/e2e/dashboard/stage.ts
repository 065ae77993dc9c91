// The page over counts that a test makes up, served as the worker serves it.
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { dashboard } from '../../../src/http/admin/dashboard.ts';
import { Paths } from '../../../src/http/admin/paths.ts';
import { Dashboard, type DashboardOptions } from '../../../src/observe/dashboard/dashboard.ts';
import type { Finished } from '../../../src/observe/finished.ts';
import { Recorder } from '../../../src/observe/recorder.ts';
import { never, serve } from '../../unit/http/serving.ts';

export interface Stage {
  readonly url: string;
  /** As the worker does with a request that has ended. */
  record(finished: Finished, error: string): void;
}

export async function stage(t: TestContext, given: Partial<DashboardOptions> = {}): Promise<Stage> {
  const recorder = new Recorder({ traced: 1000 });
  const board = new Dashboard({
    dir: fileURLToPath(new URL('../../../../src/observe/dashboard/page', import.meta.url)),
    recorder,
    state: () => 'ready',
    totals: () => ({
      busy: 0,
      idle: 0,
      frozen: 0,
      inFlight: 0,
      queued: 0,
      room: { takenBytes: 0, mostBytes: 1, waiting: 0, evictions: 0 },
    }),
    lambdas: { names: () => [], details: () => [] },
    backend: () => ({}),
    ...given,
  });
  const { page, asset, data } = dashboard(board);
  const paths = new Paths({
    access: () => undefined,
    routes: [
      { path: '/dashboard', who: 'anyone', GET: page },
      { path: '/dashboard/data', who: 'admin', GET: data },
      { path: '/dashboard/<asset>', who: 'anyone', GET: asset },
    ],
    onFault: never,
  });
  const { url } = await serve(t, (exchange) => void paths.serve(exchange, { requestId: 'r', accept: '' }, 'tcp'));
  return {
    url: `${url}/dashboard`,
    record: (finished, error) => {
      recorder.record(finished);
      board.note(finished, error);
    },
  };
}
