// All cases, in the order in which they run.
import type { Case } from './case.ts';
import { cold } from './cases/cold.ts';
import { counts } from './cases/counts.ts';
import { freeze } from './cases/freeze.ts';
import { memory } from './cases/memory.ts';
import { metrics } from './cases/metrics.ts';
import { rate } from './cases/rate.ts';
import { sandbox } from './cases/sandbox.ts';
import { throughput } from './cases/throughput.ts';
import { warm } from './cases/warm.ts';

export const cases: Readonly<Record<string, Case>> = { sandbox, cold, warm, throughput, freeze, rate, memory, counts, metrics };
export const caseNames = Object.keys(cases);
