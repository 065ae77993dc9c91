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
  | { readonly at: 'busy'; readonly call: Call; readonly start: StartClass }
  | { readonly at: 'idle' }
  | { readonly at: 'frozen' }
  | { readonly at: 'ended' };

export class Instance implements Tenant {
  readonly code: Code;
  readonly #options: InstanceOptions;
  readonly #sandbox: Sandbox;
  #state: State;
  /** One timer for the time limit, and one for freezing and expiry; restarted rather than made anew. */
  readonly #limit: NodeJS.Timeout;
  readonly #rest: NodeJS.Timeout;

  /** Starts a sandbox for `call`. Throws a WorkerError when the class asked for cannot be had; the call is then untouched. */
  constructor(backend: Backend, options: InstanceOptions, call: Call, cold: ColdClass | undefined) {
    this.code = options.code;
    this.#options = options;
    this.#state = { at: 'ended' };
    this.#sandbox = backend.create(
      { lambda: options.lambda, code: options.code, cold, onLine: options.onLine, onDeath: () => this.#end() },
      this.#request(call),
    );
    this.#limit = setTimeout(() => this.#overLimit(), options.timeLimitMs);
    this.#rest = setTimeout(() => this.#rested(), options.freezeAfterMs).unref();
    this.#begin(call, this.#sandbox.start);
  }

  get idleClass(): IdleClass | undefined {
    return this.#state.at === 'idle' ? 'warm' : this.#state.at === 'frozen' ? 'thawed' : undefined;
  }

  get busy(): boolean {
    return this.#state.at === 'busy';
  }

  /** Serves a call; only when idle. */
  serve(call: Call): void {
    const start = this.#state.at === 'frozen' ? 'thawed' : 'warm';
    if (start === 'thawed') this.#sandbox.thaw();
    this.#begin(call, start);
    this.#limit.refresh();
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
      timeLimitMs: this.#options.timeLimitMs,
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
    this.#state = { at: 'busy', call, start };
    call.cancel = () => void this.close(); // the client is gone: what its call has begun must not meet another
  }

  #answered(outcome: (start: StartClass) => Outcome): void {
    if (this.#state.at !== 'busy') return;
    this.#settle(outcome);
    this.#state = { at: 'idle' };
    this.#rest.refresh();
    this.#options.onFree(this);
  }

  #settle(outcome: (start: StartClass) => Outcome): void {
    if (this.#state.at !== 'busy') return;
    const { call, start } = this.#state;
    call.cancel = undefined;
    call.settle(outcome(start));
  }

  // The timer runs on from call to call and may fire long after the one that it was started for.
  #overLimit(): void {
    if (this.#state.at === 'busy') void this.close(new WorkerError('time-limit', { detail: `${this.#options.timeLimitMs / 1000} s` }));
  }

  #rested(): void {
    const { freezeAfterMs, keepWarmMs } = this.#options;
    if (this.#state.at === 'idle') {
      this.#sandbox.freeze();
      const frozen = { at: 'frozen' } as const;
      this.#state = frozen;
      const expire = (): void => {
        if (this.#state === frozen) void this.close();
      };
      setTimeout(expire, Math.max(0, keepWarmMs - freezeAfterMs)).unref();
    }
  }

  #end(): void {
    if (this.#state.at === 'ended') return;
    this.#state = { at: 'ended' };
    clearTimeout(this.#limit);
    clearTimeout(this.#rest);
    this.#options.onEnd(this);
  }
}
