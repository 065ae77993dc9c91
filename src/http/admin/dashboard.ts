// The dashboard: a page that tells nothing by itself, so that a browser can load it before it has the admin token, and the numbers that it asks for.
import { WorkerError } from '../../errors.ts';
import type { Dashboard } from '../../observe/dashboard/dashboard.ts';
import type { Asked } from '../../observe/dashboard/data.ts';
import { starts } from '../../observe/finished.ts';
import { json } from '../error-reply.ts';
import type { Answerer } from './route.ts';

export interface DashboardAnswerers {
  readonly page: Answerer;
  readonly asset: Answerer;
  readonly data: Answerer;
}

export function dashboard(of: Dashboard): DashboardAnswerers {
  return {
    page: () => of.page(),
    asset: ({ name }) => {
      const asset = of.asset(name);
      if (asset === undefined) throw new WorkerError('path-unknown');
      return asset;
    },
    data: ({ query }) => ({ headers: [json, ['cache-control', 'no-store']], body: JSON.stringify(of.data(asked(query))) }),
  };
}

function asked(query: URLSearchParams): Asked {
  const given = query.get('start') ?? undefined;
  const start = starts.find((known) => known === given);
  if (given !== start) throw new WorkerError('query-invalid', { detail: `start: ${starts.join(' | ')}` });
  return { since: time(query, 'since') ?? 0, lambda: query.get('lambda') ?? undefined, start, minMs: time(query, 'min_ms') };
}

/** Milliseconds, as JSON writes a number that is none too great. */
function time(query: URLSearchParams, key: string): number | undefined {
  const text = query.get(key);
  if (text === null) return undefined;
  if (!/^\d{1,12}(\.\d{1,20})?$/.test(text)) throw new WorkerError('query-invalid', { detail: `${key}: milliseconds, 0 or more` });
  return Number(text);
}
