// One invocation on its way through the worker: what the front end hands down, and what comes back up.
import type { WorkerError } from '../errors.ts';
import type { Phases } from '../observe/phases.ts';
import type { StartClass } from '../sandbox/sandbox.ts';

export interface Reply {
  readonly status: number;
  /** Lower-case names; without the ones the front end owns (content-length, connection …). */
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: Uint8Array;
}

export type Outcome =
  | { readonly at: 'answered'; readonly reply: Reply; readonly start: StartClass }
  | { readonly at: 'failed'; readonly error: WorkerError; readonly start: StartClass | undefined };

/** Made by the front end, one a request; settled exactly once by the lambda that takes it. */
export interface Call {
  readonly lambda: string;
  readonly requestId: string;
  readonly body: Uint8Array;
  /** The start class that the caller insists on, else undefined. */
  readonly force: StartClass | undefined;
  readonly phases: Phases;
  /** Called exactly once, also after a cancel (the front end then ignores it). */
  settle(outcome: Outcome): void;
  /** Set by whoever works on the call; the front end calls it once when the client is gone. */
  cancel: (() => void) | undefined;
}
