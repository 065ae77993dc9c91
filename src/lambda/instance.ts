// One instance of a lambda: a sandbox, the calls it works on, and how it rests between two.
import { asWorkerError, WorkerError } from '../errors.ts';
import type { Backend, ColdClass, Ongoing, Sandbox, SandboxRequest, StartClass, Stream } from '../sandbox/sandbox.ts';
import { bounded } from './admission.ts';
import type { Call, Outcome } from './call.ts';
import type { Deployment } from './deployment.ts';
import type { IdleClass } from './placement.ts';

export interface InstanceOptions {
  readonly lambda: string;
  readonly deployment: Deployment;
  readonly owner: InstanceOwner;
  onLine(stream: Stream, line: string, requestId: string | undefined): void;
}

export interface InstanceOwner {
  /** Its first call is being answered. Starting took so long, ms. */
  onStarted(instance: Instance, ms: number): void;
  /** It has answered and can take another call. */
  onFree(instance: Instance): void;
  /** It takes no further call; what runs goes on. */
  onRetired(instance: Instance): void;
  /** Whether it is to end, having been idle for its time. If not it stays, frozen. */
  expires(instance: Instance): boolean;
  /** Its last call has been settled, and its sandbox is gone or going: `died` by itself, or because it was to. */
  onEnd(instance: Instance, how: 'died' | 'closed'): void;
}

/** A call that was cancelled may take so long to heed it, ms; then the instance ends. */
const graceMs = 500;

interface Running {
  /** Undefined once it is settled: cancelled, and not yet at its end. */
  call: Call | undefined;
  readonly start: StartClass;
  readonly loadOnly: boolean;
  readonly since: number;
  /** When its time is over, or the one that it has to heed a cancel. */
  limit: number;
  ongoing: Ongoing | undefined;
}

/** `active` with nothing running is idle. `retired`: takes no further call and ends with its last one. `since`: idle since. */
type State =
  | { readonly at: 'active'; readonly since: number }
  | { readonly at: 'frozen'; readonly since: number }
  | { readonly at: 'retired' }
  | { readonly at: 'ended' };

export class Instance {
  readonly deployment: Deployment;
  /** Milliseconds of performance.now(). */
  readonly born = performance.now();
  readonly #owner: InstanceOwner;
  readonly #sandbox: Sandbox;
  readonly #running: Running[] = []; // no Set: see Ready
  #state: State = { at: 'active', since: this.born };
  #served = 0;
  /** Has been given something, if only its handler to load. */
  #isMet = false;
  #started = false;
  /** Its handler has said that it takes bodies as they come. */
  #streams = false;
  /** One timer for the time limits and one for resting. A call does not touch them: they look at what is, and when it began, and go on. */
  #limit: NodeJS.Timeout;
  /** None while it works, if it fired meanwhile. */
  #rest: NodeJS.Timeout | undefined;

  /** Starts a sandbox. Throws a WorkerError when the class asked for cannot be had. */
  constructor(backend: Backend, { lambda, deployment, owner, onLine }: InstanceOptions, cold: ColdClass | undefined) {
    const { code, environment, limits, settings } = deployment;
    const { entry, concurrency, zygote } = settings;
    this.deployment = deployment;
    this.#owner = owner;
    const onDeath = () => void this.#end('died', new WorkerError('sandbox-died'));
    this.#sandbox = backend.create({ lambda, code, cold, environment, entry, concurrency, limits, zygote, onLine, onDeath });
    this.#limit = setTimeout(() => this.#atLimit(), deployment.timeLimitMs).unref();
  }

  get sandbox(): string {
    return this.#sandbox.id;
  }

  get start(): ColdClass {
    return this.#sandbox.start;
  }

  /** How a call would meet it now; undefined when it takes none. */
  get idleClass(): IdleClass | undefined {
    if (this.#state.at === 'frozen') return 'thawed';
    return this.#state.at === 'active' && this.#running.length < this.deployment.settings.concurrency ? 'warm' : undefined;
  }

  get load(): number {
    return this.#running.length;
  }

  /** Calls that it was given, without the one that loaded it; `load`: those it is at work on. */
  get served(): number {
    return this.#served;
  }

  get state(): 'busy' | 'idle' | 'frozen' | 'retired' | 'ended' {
    if (this.#state.at !== 'active') return this.#state.at;
    return this.#running.length > 0 ? 'busy' : 'idle';
  }

  get idleSince(): number | undefined {
    return (this.#state.at === 'active' || this.#state.at === 'frozen') && this.#running.length === 0 ? this.#state.since : undefined;
  }

  /** Has its handler loaded, before any call. */
  warmUp(call: Call): void {
    this.#serve(call, this.#sandbox.start, true);
  }

  /** Serves a call; only when it takes one. */
  serve(call: Call): void {
    this.#served++;
    if (this.#state.at === 'frozen') {
      this.#state = { at: 'active', since: performance.now() };
      clearTimeout(this.#rest); // was to end it; now it is to be frozen again
      this.#rest = undefined;
      this.#serve(call, 'thawed', false);
    } else this.#serve(call, this.#isMet ? 'warm' : this.#sandbox.start, false);
  }

  /** Ends it when what runs has ended. */
  retire(): void {
    if (this.#state.at === 'ended' || this.#state.at === 'retired') return;
    if (this.#running.length === 0) return void this.close();
    this.#state = { at: 'retired' };
    this.#owner.onRetired(this);
  }

  /** Ends it; calls under way fail with `error`. Idempotent. */
  close(error: WorkerError = new WorkerError('sandbox-died')): Promise<void> {
    this.#end('closed', error);
    return this.#sandbox.close();
  }

  #serve(call: Call, start: StartClass, loadOnly: boolean): void {
    const since = performance.now();
    const running: Running = { call, start, loadOnly, since, limit: since + this.deployment.timeLimitMs, ongoing: undefined };
    this.#running.push(running);
    this.#isMet = true;
    call.sandbox = this.#sandbox.id;
    call.cancel = (why) => this.#cancel(running, why);
    try {
      if (start === 'thawed') this.#sandbox.thaw();
      running.ongoing = this.#sandbox.request(this.#request(running, call));
      if (running.call === undefined) running.ongoing.cancel(); // its body was too long at once
    } catch (cause) {
      this.#settle(running, { at: 'failed', error: asWorkerError(cause), start });
      void this.close();
    }
  }

  #request(running: Running, call: Call): SandboxRequest {
    const { start, loadOnly } = running;
    return {
      head: call.head,
      body: bounded(call.body, this.deployment.bodyLimit, (error) => this.#cancel(running, error)),
      phases: call.phases,
      deadline: running.limit,
      loadOnly,
      streams: () => (this.#streams = true),
      answered: (reply) => {
        this.#noteStart(running, call);
        this.#over(running, { at: 'answered', reply, start });
      },
      begun: (reply) => {
        this.#noteStart(running, call);
        running.call?.begin(reply, start, (bytes) => running.ongoing?.used(bytes));
      },
      chunk: (bytes) => (running.call === undefined ? running.ongoing?.used(bytes.length) : running.call.chunk(bytes)),
      ended: () => this.#over(running, { at: 'streamed', start }),
      failed: (error) => {
        // What a handler raises is its answer; all else means that the sandbox is no good any more, and so does a handler that cannot be loaded.
        if (!loadOnly && survived.has(error.code)) return this.#over(running, { at: 'failed', error, start });
        this.#settle(running, { at: 'failed', error, start }); // logged by the front end
        void this.close();
      },
    };
  }

  #noteStart({ since }: Running, { phases }: Call): void {
    if (this.#started) return;
    this.#started = true;
    this.deployment.streams = this.#streams;
    const handler = phases.lengths[phases.names.lastIndexOf('handler')] ?? 0;
    this.#owner.onStarted(this, Math.max(0, performance.now() - since - handler));
  }

  /** The sandbox is through with it. */
  #over(running: Running, outcome: Outcome): void {
    this.#settle(running, outcome);
    if (!this.#remove(running) || this.#state.at === 'ended') return;
    if (!this.deployment.settings.reuse && !running.loadOnly) this.retire();
    if (this.#running.length === 0) {
      if (this.#state.at === 'retired') void this.close();
      else if (this.#state.at === 'active') this.#becomeIdle();
    }
    if (this.#state.at === 'active') this.#owner.onFree(this);
  }

  #remove(running: Running): boolean {
    const at = this.#running.indexOf(running);
    return at >= 0 && this.#running.splice(at, 1).length > 0;
  }

  /** Nobody waits for it any more. The lambda is told, and the instance is used again if it heeds that soon. */
  #cancel(running: Running, why: WorkerError): void {
    if (running.call === undefined) return;
    this.#settle(running, { at: 'failed', error: why, start: running.start });
    if (this.#state.at === 'ended') return;
    running.limit = performance.now() + graceMs;
    this.#lookAtLimits();
    running.ongoing?.cancel();
  }

  #settle(running: Running, outcome: Outcome): void {
    const { call } = running;
    if (call === undefined) return;
    running.call = undefined;
    call.cancel = undefined;
    call.settle(outcome);
  }

  // ---- time limits

  /** When the next one is over; without any, so that none that begins meanwhile is missed. */
  #lookAtLimits(): void {
    if (this.#state.at === 'ended') return;
    clearTimeout(this.#limit);
    const now = performance.now();
    const next = Math.min(now + this.deployment.timeLimitMs, ...this.#running.map(({ limit }) => limit));
    this.#limit = setTimeout(() => this.#atLimit(), next - now).unref();
  }

  #atLimit(): void {
    const { timeLimitMs } = this.deployment;
    const now = performance.now();
    for (const running of [...this.#running]) {
      if (running.limit > now) continue;
      if (running.call !== undefined) this.#cancel(running, new WorkerError('time-limit', { detail: `${timeLimitMs / 1000} s` }));
      else if (this.#running.length === 1)
        void this.close(); // it does not heed
      else {
        this.retire(); // others work in it
        this.#remove(running);
      }
    }
    this.#lookAtLimits();
  }

  // ---- rest

  #becomeIdle(): void {
    this.#state = { at: 'active', since: performance.now() };
    const { freezeAfterMs, keepWarmMs } = this.deployment.settings;
    if (this.#rest === undefined) this.#restIn(Math.min(freezeAfterMs, keepWarmMs));
  }

  #restIn(ms: number): void {
    this.#rest = setTimeout(() => this.#atRest(), ms).unref();
  }

  #atRest(): void {
    this.#rest = undefined; // while it works: set again when it is idle
    const since = this.idleSince;
    if (since === undefined) return;
    const { freezeAfterMs, keepWarmMs } = this.deployment.settings;
    const idle = performance.now() - since;
    if (idle >= keepWarmMs && this.#owner.expires(this)) return void this.close();
    if (this.#state.at === 'active' && idle >= freezeAfterMs) {
      try {
        this.#sandbox.freeze();
      } catch {
        return void this.close(); // nobody waits for it
      }
      this.#state = { at: 'frozen', since };
    }
    const next = [freezeAfterMs, keepWarmMs].filter((ms) => ms > idle);
    if (next.length > 0) this.#restIn(Math.min(...next) - idle);
  }

  #end(how: 'died' | 'closed', error: WorkerError): void {
    if (this.#state.at === 'ended') return;
    this.#state = { at: 'ended' };
    clearTimeout(this.#limit);
    clearTimeout(this.#rest);
    for (const running of this.#running) this.#settle(running, { at: 'failed', error, start: running.start });
    this.#owner.onEnd(this, how);
  }
}

/** Errors after which the sandbox is as good as before. */
const survived: ReadonlySet<WorkerError['code']> = new Set(['handler-raised', 'event-invalid', 'head-too-large']);
