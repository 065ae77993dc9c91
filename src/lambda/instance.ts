// One instance of a lambda: a sandbox, the calls it works on, and how it rests between two.
import { WorkerError } from '../errors.ts';
import type { Backend, Code, ColdClass, Ongoing, Sandbox, SandboxRequest, SandboxSpec, StartClass } from '../sandbox/sandbox.ts';
import type { Call, Outcome } from './call.ts';
import type { IdleClass } from './placement.ts';
import type { Tenant } from './room.ts';

export interface InstanceOptions extends Omit<SandboxSpec, 'cold' | 'onDeath'> {
  readonly code: Code;
  readonly timeLimitMs: number;
  readonly freezeAfterMs: number;
  readonly keepWarmMs: number;
  /** Whether it takes another call after its first. */
  readonly reuse: boolean;
  /** It has answered and can take another call. */
  onFree(instance: Instance): void;
  /** It takes no further call, and its last one has been settled: it has died, expired, or was closed. */
  onEnd(instance: Instance): void;
}

/** A call that was cancelled may take so long to heed it, ms; then the instance ends. */
const graceMs = 500;

interface Running {
  /** Undefined once it is settled: cancelled, and not yet at its end. */
  call: Call | undefined;
  readonly start: StartClass;
  /** When the call began, or was cancelled; when its time is over. */
  since: number;
  limit: number;
  ongoing: Ongoing | undefined;
}

/** `active` with nothing running is idle. `retiring`: takes no further call and ends with its last one. */
type State =
  | { readonly at: 'active'; readonly since: number }
  | { readonly at: 'retiring' }
  | { readonly at: 'frozen' }
  | { readonly at: 'ended' };

export class Instance implements Tenant {
  readonly code: Code;
  readonly #options: InstanceOptions;
  readonly #sandbox: Sandbox;
  readonly #running = new Set<Running>();
  #state: State;
  /** One timer for the time limits and one for resting. A call does not touch them: they look at what is, and when it began, and go on. */
  #limit: NodeJS.Timeout;
  #rest: NodeJS.Timeout;

  /** Starts a sandbox. Throws a WorkerError when the class asked for cannot be had. */
  constructor(backend: Backend, options: InstanceOptions, cold: ColdClass | undefined) {
    this.code = options.code;
    this.#options = options;
    this.#sandbox = backend.create({ ...options, cold, onDeath: () => this.#end() });
    this.#state = { at: 'active', since: performance.now() };
    this.#limit = this.#limitIn(options.timeLimitMs);
    this.#rest = this.#restIn(options.freezeAfterMs);
  }

  get sandbox(): string {
    return this.#sandbox.id;
  }

  /** How a call would meet it now; undefined when it takes none. */
  get idleClass(): IdleClass | undefined {
    if (this.#state.at === 'frozen') return 'thawed';
    return this.#state.at === 'active' && this.#running.size < this.#options.concurrency ? 'warm' : undefined;
  }

  /** At work on so many calls. */
  get load(): number {
    return this.#running.size;
  }

  /** Serves its first call. */
  serveFirst(call: Call): void {
    this.#serve(call, this.#sandbox.start);
  }

  /** Serves a call; only when it takes one. */
  serve(call: Call): void {
    if (this.#state.at !== 'frozen') {
      this.#serve(call, 'warm');
      return;
    }
    this.#sandbox.thaw();
    this.#state = { at: 'active', since: performance.now() };
    clearTimeout(this.#rest); // was to end it; now it is to be frozen again
    this.#rest = this.#restIn(this.#options.freezeAfterMs);
    this.#serve(call, 'thawed');
  }

  evict(): void {
    void this.close();
  }

  /** Ends it when what runs has ended. */
  retire(): void {
    if (this.#running.size === 0) void this.close();
    else if (this.#state.at === 'active') this.#state = { at: 'retiring' };
  }

  /** Ends it; calls under way fail with `error`. */
  close(error: WorkerError = new WorkerError('sandbox-died')): Promise<void> {
    for (const running of this.#running) this.#settle(running, { at: 'failed', error, start: running.start });
    this.#end();
    return this.#sandbox.close();
  }

  #serve(call: Call, start: StartClass): void {
    const since = performance.now();
    const running: Running = { call, start, since, limit: since + this.#options.timeLimitMs, ongoing: undefined };
    this.#running.add(running);
    call.sandbox = this.#sandbox.id;
    call.cancel = (why) => this.#cancel(running, why);
    running.ongoing = this.#sandbox.request(this.#request(running, call));
  }

  #request(running: Running, call: Call): SandboxRequest {
    const { start } = running;
    return {
      head: call.head,
      body: call.body,
      phases: call.phases,
      deadline: running.limit,
      loadOnly: false,
      answered: (reply) => this.#over(running, { at: 'answered', reply, start }),
      begun: (reply) => running.call?.begin(reply, start, (bytes) => running.ongoing?.used(bytes)),
      chunk: (bytes) => (running.call === undefined ? running.ongoing?.used(bytes.length) : running.call.chunk(bytes)),
      ended: () => this.#over(running, { at: 'streamed', start }),
      failed: (error) => {
        const outcome = { at: 'failed', error, start } as const;
        // What a handler raises is its answer; all else means that the sandbox is no good any more.
        if (error.code === 'handler-raised' || error.code === 'event-invalid' || error.code === 'head-too-large')
          this.#over(running, outcome);
        else {
          this.#settle(running, outcome); // logged by the front end
          void this.close();
        }
      },
    };
  }

  /** The sandbox is through with it. */
  #over(running: Running, outcome: Outcome): void {
    this.#settle(running, outcome);
    if (!this.#running.delete(running) || this.#state.at === 'ended') return;
    if (!this.#options.reuse) this.retire();
    if (this.#running.size === 0) {
      if (this.#state.at === 'retiring') void this.close();
      else if (this.#state.at === 'active') this.#state = { at: 'active', since: performance.now() };
    }
    if (this.#state.at === 'active') this.#options.onFree(this);
  }

  /** Nobody waits for it any more. The lambda is told, and the instance is used again if it heeds that soon. */
  #cancel(running: Running, why: WorkerError): void {
    this.#settle(running, { at: 'failed', error: why, start: running.start });
    if (!this.#running.has(running)) return;
    running.since = performance.now();
    running.limit = running.since + graceMs;
    clearTimeout(this.#limit);
    this.#limit = this.#limitIn(graceMs);
    running.ongoing?.cancel();
  }

  #settle(running: Running, outcome: Outcome): void {
    const { call } = running;
    if (call === undefined) return;
    running.call = undefined;
    call.cancel = undefined;
    call.settle(outcome);
  }

  #limitIn(ms: number): NodeJS.Timeout {
    return setTimeout(() => this.#atLimit(), ms).unref();
  }

  #atLimit(): void {
    const { timeLimitMs } = this.#options;
    const now = performance.now();
    for (const running of [...this.#running]) {
      if (running.limit > now) continue;
      if (running.call !== undefined) this.#cancel(running, new WorkerError('time-limit', { detail: `${timeLimitMs / 1000} s` }));
      else if (this.#running.size === 1)
        return void this.close(); // it does not heed
      else {
        this.retire(); // others work in it
        this.#running.delete(running);
      }
    }
    const next = Math.min(...[...this.#running].map(({ limit }) => limit), now + timeLimitMs);
    if (this.#state.at !== 'ended') this.#limit = this.#limitIn(next - now);
  }

  #restIn(ms: number): NodeJS.Timeout {
    return setTimeout(() => {
      const { freezeAfterMs, keepWarmMs } = this.#options;
      const idle = this.#state.at === 'active' && this.#running.size === 0;
      const left = idle && this.#state.at === 'active' ? this.#state.since + freezeAfterMs - performance.now() : freezeAfterMs;
      if (this.#state.at === 'frozen') void this.close();
      else if (left > 0 || !idle) this.#rest = this.#restIn(left);
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
