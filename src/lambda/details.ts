// What can be read of the lambdas at any time: for /status, /metrics and /debug.
import { WorkerError } from '../errors.ts';
import type { Deployment } from './deployment.ts';
import type { Instance } from './instance.ts';

export interface LambdaCounts {
  /** All; `busy`, `idle` and `frozen` are all of them. */
  readonly instances: number;
  readonly busy: number;
  readonly idle: number;
  readonly frozen: number;
  /** Calls that wait for an instance or for code. */
  readonly queued: number;
  /** Since the worker knows the lambda. */
  readonly calls: number;
}

/** Counts that are being summed up. */
export type LambdaTotals = { -readonly [Key in keyof LambdaCounts]: number };

export interface LambdaDetails extends LambdaCounts {
  readonly name: string;
  readonly sandboxes: readonly SandboxDetails[];
  /** Undefined when it has none that can be used; `problem` says why. */
  readonly runs: RunsDetails | undefined;
  readonly problem: string | undefined;
}

export interface RunsDetails {
  readonly digest: string;
  readonly methods: readonly string[] | undefined;
  readonly min: number;
  readonly max: number;
  readonly concurrency: number;
  readonly reuse: boolean;
  readonly memoryBytes: number;
  readonly timeLimitMs: number;
  readonly queue: number;
  readonly keepWarmMs: number;
  readonly freezeAfterMs: number;
}

export interface SandboxDetails {
  readonly id: string;
  readonly start: Instance['start'];
  readonly state: Instance['state'];
  /** Calls that it is at work on, and those that it was given. */
  readonly load: number;
  readonly served: number;
  readonly ageMs: number;
  readonly digest: string;
}

export function lambdaDetails(of: {
  readonly name: string;
  readonly counts: LambdaCounts;
  readonly deployment: Deployment | WorkerError;
  readonly instances: Iterable<Instance>;
}): LambdaDetails {
  const { name, counts, deployment } = of;
  const now = performance.now();
  return {
    name,
    ...counts,
    sandboxes: [...of.instances].map(({ sandbox, start, state, load, served, born, deployment: { code } }) => ({
      id: sandbox,
      start,
      state,
      load,
      served,
      ageMs: now - born,
      digest: code.digest,
    })),
    runs: deployment instanceof WorkerError ? undefined : runs(deployment),
    problem: deployment instanceof WorkerError ? deployment.message : undefined,
  };
}

function runs({ code, settings, bytes, timeLimitMs }: Deployment): RunsDetails {
  const { methods, instances, concurrency, reuse, limits, keepWarmMs, freezeAfterMs } = settings;
  return {
    digest: code.digest,
    methods,
    ...instances,
    concurrency,
    reuse,
    memoryBytes: bytes,
    timeLimitMs,
    queue: limits.queue,
    keepWarmMs,
    freezeAfterMs,
  };
}
