// One instance of a lambda: a sandbox, the call it works on, and how it rests between two.
import { WorkerError } from '../errors.ts';
import type { Backend, Code, ColdClass, Sandbox, SandboxRequest, StartClass } from '../sandbox/sandbox.ts';
import type { Call, Outcome } from './call.ts';
import type { IdleClass } from './placement.ts';
import type { Tenant } from './room.ts';

export interface InstanceOptions {
  readonly lambda: string;
  readonly code: Code;
  readonly timeLimitMs: number;
  readonly freezeAfterMs: number;
  readonly keepWarmMs: number;
  onLine(stream: 'stdout' | 'stderr', line: string, requestId: string | undefined): void;
  /** It has answered and can take the next call. */
  onFree(instance: Instance): void;
  /** It takes no further call, and its last one has been settled: it has died, expired, or was closed. */
  onEnd(instance: Instance): void;
}

type State =
  | { readonly at: 'busy'; readonly call: Call; readonly start: StartClass; readonly since: number }
  | { readonly at: 'idle'; readonly since: number }
  | { readonly at: 'frozen' }
  | { readonly at: 'ended' };

export class Instance implements Tenant {
  readonly code: Code;
  readonly #options: InstanceOptions;
  readonly #sandbox: Sandbox;
  #state: State;
  /** One timer for the time limit and one for resting. A call does not touch them: they look at what is, and when it began, and go on. */
  #limit: NodeJS.Timeout;
  #rest: NodeJS.Timeout;

  /** Starts a sandbox for `call`. Throws a WorkerError when the class asked for cannot be had; the call is then untouched. */
  constructor(backend: Backend, options: InstanceOptions, call: Call, cold: ColdClass | undefined) {
    this.code = options.code;
    this.#options = options;
    this.#state = { at: 'ended' };
    this.#sandbox = backend.create(
      { lambda: options.lambda, code: options.code, cold, onLine: options.onLine, onDeath: () => this.#end() },
      this.#request(call),
    );
    this.#limit = this.#limitIn(options.timeLimitMs);
    this.#rest = this.#restIn(options.freezeAfterMs);
    this.#begin(call, this.#sandbox.start);
  }

  get idleClass(): IdleClass | undefined {
    return this.#state.at === 'idle' ? 'warm' : this.#state.at === 'frozen' ? 'thawed' : undefined;
  }

  /** Serves a call; only when idle. */
  serve(call: Call): void {
    const start = this.#state.at === 'frozen' ? 'thawed' : 'warm';
    if (start === 'thawed') {
      this.#sandbox.thaw();
      clearTimeout(this.#rest); // was to end it; now it is to be frozen again
      this.#rest = this.#restIn(this.#options.freezeAfterMs);
    }
    this.#begin(call, start);
    this.#sandbox.request(this.#request(call));
  }

  evict(): void {
    void this.close();
  }

  /** Ends it; a call under way fails with `error`. */
  close(error: WorkerError = new WorkerError('sandbox-died')): Promise<void> {
    this.#settle((start) => ({ at: 'failed', error, start }));
    this.#end();
    return this.#sandbox.close();
  }

  #request(call: Call): SandboxRequest {
    return {
      requestId: call.requestId,
      body: call.body,
      phases: call.phases,
      answered: (reply) => this.#answered((start) => ({ at: 'answered', reply, start })),
      failed: (error) => {
        // What a handler raises is its answer; all else means that the sandbox is no good any more.
        if (error.code === 'handler-raised' || error.code === 'event-invalid') this.#answered((start) => ({ at: 'failed', error, start }));
        else void this.close(error); // logged by the front end
      },
    };
  }

  #begin(call: Call, start: StartClass): void {
    this.#state = { at: 'busy', call, start, since: performance.now() };
    call.cancel = () => void this.close(); // the client is gone: what its call has begun must not meet another
  }

  #answered(outcome: (start: StartClass) => Outcome): void {
    if (this.#state.at !== 'busy') return;
    this.#settle(outcome);
    this.#state = { at: 'idle', since: performance.now() };
    this.#options.onFree(this);
  }

  #settle(outcome: (start: StartClass) => Outcome): void {
    if (this.#state.at !== 'busy') return;
    const { call, start } = this.#state;
    call.cancel = undefined;
    call.settle(outcome(start));
  }

  #limitIn(ms: number): NodeJS.Timeout {
    return setTimeout(() => {
      const { timeLimitMs } = this.#options;
      const left = this.#state.at === 'busy' ? this.#state.since + timeLimitMs - performance.now() : timeLimitMs;
      if (left > 0) this.#limit = this.#limitIn(left);
      else void this.close(new WorkerError('time-limit', { detail: `${timeLimitMs / 1000} s` }));
    }, ms).unref();
  }

  #restIn(ms: number): NodeJS.Timeout {
    return setTimeout(() => {
      const { freezeAfterMs, keepWarmMs } = this.#options;
      const left = this.#state.at === 'idle' ? this.#state.since + freezeAfterMs - performance.now() : freezeAfterMs;
      if (this.#state.at === 'frozen') void this.close();
      else if (left > 0 || this.#state.at !== 'idle') this.#rest = this.#restIn(left);
      else {
        this.#sandbox.freeze();
        this.#state = { at: 'frozen' };
        this.#rest = this.#restIn(Math.max(0, keepWarmMs - freezeAfterMs));
      }
    }, ms).unref();
  }

  #end(): void {
    if (this.#state.at === 'ended') return;
    this.#state = { at: 'ended' };
    clearTimeout(this.#limit);
    clearTimeout(this.#rest);
    this.#options.onEnd(this);
  }
}
