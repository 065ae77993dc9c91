// One invocation on its way through the worker: what the front end hands down, and what comes back up.
import type { WorkerError } from '../errors.ts';
import type { Phases } from '../observe/phases.ts';
import type { ReplyHead, RequestBody, RequestHead, StartClass } from '../sandbox/sandbox.ts';

export interface Reply extends ReplyHead {
  readonly body: Uint8Array;
}

export type Outcome =
  | { readonly at: 'answered'; readonly reply: Reply; readonly start: StartClass }
  /** The reply that was begun is complete. */
  | { readonly at: 'streamed'; readonly start: StartClass }
  | { readonly at: 'failed'; readonly error: WorkerError; readonly start: StartClass | undefined };

/** Made by the front end, one a request; settled exactly once by the lambda that takes it. */
export interface Call {
  readonly lambda: string;
  readonly head: RequestHead;
  readonly body: RequestBody;
  /** The start class that the caller insists on, else undefined. */
  readonly force: StartClass | undefined;
  readonly phases: Phases;
  /** The sandbox that works on it, for those who look on. */
  sandbox: string | undefined;
  /** A reply begins whose body comes in chunks; `used` is to be told which of their bytes are out of the way. Not after settling. */
  begin(reply: ReplyHead, start: StartClass, used: (bytes: number) => void): void;
  chunk(bytes: Uint8Array): void;
  /** Called exactly once, also after a cancel (the front end then ignores it). */
  settle(outcome: Outcome): void;
  /** Set by whoever works on the call, who then settles it with that error; the front end calls it at most once. */
  cancel: ((why: WorkerError) => void) | undefined;
}
