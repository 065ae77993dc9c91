// What is known of a request when its reply has been sent: the one thing that all of observe/ is fed with.
import type { Phases } from './phases.ts';

export const starts = ['warm', 'thawed', 'standby', 'forked', 'spawned'] as const;
export type Start = (typeof starts)[number];

/** Where a request stands in a distributed trace, as W3C Trace Context has it. */
export interface Trace {
  /** 32 and 16 lower-case hex digits. */
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string | undefined;
  readonly sampled: boolean;
}

export interface Finished {
  readonly requestId: string;
  readonly lambda: string | undefined;
  readonly method: string;
  readonly path?: string | undefined;
  /** Of the reply; what the front end calls it when the client was gone before. */
  readonly status: number;
  /** Undefined when no sandbox was reached. */
  readonly start: Start | undefined;
  readonly errorCode: string | undefined;
  /** Their names are the worker's own: each becomes a series. */
  readonly phases: Phases;
  /** Milliseconds of performance.now(). */
  readonly began: number;
  readonly ended: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
  /** The sandbox's id. */
  readonly sandbox: string | undefined;
  readonly trace: Trace | undefined;
}
