// All cases, in the order in which they run.
import type { Case } from './case.ts';
import { burst } from './cases/burst.ts';
import { cold } from './cases/cold.ts';
import { counts } from './cases/counts.ts';
import { events } from './cases/events.ts';
import { fairness } from './cases/fairness.ts';
import { freeze } from './cases/freeze.ts';
import { images } from './cases/images.ts';
import { memory } from './cases/memory.ts';
import { metrics } from './cases/metrics.ts';
import { node } from './cases/node.ts';
import { rate } from './cases/rate.ts';
import { sandbox } from './cases/sandbox.ts';
import { stream } from './cases/stream.ts';
import { throughput } from './cases/throughput.ts';
import { tracing } from './cases/tracing.ts';
import { warm } from './cases/warm.ts';

export const cases: Readonly<Record<string, Case>> = {
  sandbox,
  cold,
  node,
  warm,
  throughput,
  freeze,
  rate,
  burst,
  stream,
  events,
  fairness,
  memory,
  counts,
  metrics,
  tracing,
  images,
};
export const caseNames = Object.keys(cases);
