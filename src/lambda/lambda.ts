// One lambda: what it runs now, the calls that wait, its instances. Every call that comes in here is settled exactly once.
import type { WorkerDefaults } from '../config/lambda-settings.ts';
import { asWorkerError, WorkerError } from '../errors.ts';
import type { Resolved } from '../registry/registry.ts';
import { refusal } from './admission.ts';
import type { Call } from './call.ts';
import { CodeWatch, type CodeWatchOptions } from './code-watch.ts';
import { type Deployment, deployment } from './deployment.ts';
import { type LambdaCounts, type LambdaDetails, type LambdaTotals, lambdaDetails } from './details.ts';
import { Fleet, type FleetOptions } from './fleet.ts';
import { place } from './placement.ts';
import { CallQueue } from './queue.ts';

export interface LambdaOptions
  extends Pick<CodeWatchOptions, 'resolve'>,
    Pick<FleetOptions, 'name' | 'backend' | 'room' | 'events' | 'retain' | 'release' | 'onLine' | 'mayWarmUp'> {
  /** What the worker gives lambdas that ask for nothing. */
  readonly defaults: WorkerDefaults;
  readonly registryCacheMs: number;
  /** Neither code nor instances nor calls: it can be forgotten. Nothing comes of it any more. */
  onEmpty(): void;
}

/** Calls that are taken from a queue in one turn of the event loop. */
const mostATurn = 64;
/** Code that nobody calls is looked at so rarely. */
const unusedMs = 60_000;

export class Lambda {
  readonly #options: LambdaOptions;
  readonly #watch: CodeWatch;
  readonly #fleet: Fleet;
  /** Calls that wait for an instance. */
  readonly #queue: CallQueue;
  /** Calls that wait for code, by the look at the registry that they wait for. */
  readonly #arrivals = new Map<Promise<void>, CallQueue>();
  #code: Resolved | undefined;
  /** What calls get instead of an instance when there is none. */
  #deployment: Deployment | WorkerError = new WorkerError('lambda-unknown');
  #calls = 0;

  constructor(options: LambdaOptions) {
    const { name, resolve, registryCacheMs, defaults, events } = options;
    this.#options = options;
    this.#watch = new CodeWatch({
      resolve,
      cacheMs: registryCacheMs,
      onCode: (code) => this.#deploy(code),
      onUnstored: ({ message }) => events.onWarning(name, `look for newer code: ${message}, ignoring: what is on the node goes on`),
    });
    this.#queue = this.#newQueue(defaults.limits.runtime_sec * 1000, () => this.#impatience()); // no call waits for longer than it may run
    this.#fleet = new Fleet({
      ...options,
      queue: this.#queue,
      onFailed: (call, error) => this.#fail(call, error),
      onEnd: () => this.#forgetIfEmpty(),
    });
  }

  get counts(): LambdaCounts {
    return this.addTo({ instances: 0, busy: 0, idle: 0, frozen: 0, queued: 0, calls: 0 });
  }

  /** Makes no object when it has no instances: there may be 10,000 such, of which somebody wants the totals each second. */
  addTo(totals: LambdaTotals): LambdaTotals {
    if (this.#fleet.instances.size > 0) {
      const { instances, busy, idle, frozen } = this.#fleet.counts;
      totals.instances += instances;
      totals.busy += busy;
      totals.idle += idle;
      totals.frozen += frozen;
    }
    totals.queued += this.#queue.length + (this.#arrivals.size === 0 ? 0 : this.#arrived);
    totals.calls += this.#calls;
    return totals;
  }

  /** Whether it is known that its handler takes bodies only whole. */
  get takesWhole(): boolean {
    return !(this.#deployment instanceof WorkerError) && this.#deployment.streams === false;
  }

  details(): LambdaDetails {
    return lambdaDetails({ name: this.#options.name, counts: this.counts, deployment: this.#deployment, instances: this.#fleet.instances });
  }

  invoke(call: Call): void {
    this.#calls++;
    if (this.#watch.isFresh) {
      this.#place(call);
      return;
    }
    try {
      const looking = this.#watch.look();
      if (looking === undefined) this.#admit(call);
      else this.#arrive(call, looking);
    } catch (error) {
      this.#fail(call, error);
    }
  }

  /** Looks at the registry if it has not for long: finds out what to keep ready, and whether the lambda is still there. */
  async tend(): Promise<void> {
    const min = this.#deployment instanceof WorkerError ? 0 : this.#deployment.settings.instances.min;
    const { registryCacheMs } = this.#options;
    await this.#watch.tend(min > 0 ? registryCacheMs : Math.max(unusedMs, registryCacheMs));
    this.#forgetIfEmpty();
  }

  /** Looks at the registry now, and starts what is to be kept ready. Rejects as a call would fail. */
  async look(): Promise<void> {
    try {
      await this.#watch.look();
      const current = this.#current;
      if (current instanceof WorkerError) throw current;
    } finally {
      this.#forgetIfEmpty();
    }
  }

  /** Ends all instances; calls that are under way or wait fail. */
  async close(): Promise<void> {
    const error = new WorkerError('draining');
    for (const queue of [this.#queue, ...this.#arrivals.values()]) for (const call of queue.clear()) this.#fail(call, error);
    this.#watch.close();
    await this.#fleet.close(error);
  }

  // ---- code

  #deploy(code: Resolved | undefined): void {
    const { name, backend, retain, release } = this.#options;
    const old = this.#code;
    this.#code = code;
    if (code !== undefined) retain(code);
    this.#run(code);
    if (old === undefined) return;
    backend.forget(name, old);
    release(old);
  }

  /** What calls get now. Made again where making it failed for the worker's own reason, which may have gone. */
  get #current(): Deployment | WorkerError {
    if (this.#deployment instanceof WorkerError && this.#deployment.code === 'internal') this.#run(this.#code);
    return this.#deployment;
  }

  #run(code: Resolved | undefined): void {
    const { name, defaults, events } = this.#options;
    this.#deployment = this.#made(code);
    const usable = this.#deployment instanceof WorkerError ? undefined : this.#deployment;
    for (const warning of usable?.settings.warnings ?? []) events.onWarning(name, warning);
    this.#queue.patienceMs = usable?.timeLimitMs ?? defaults.limits.runtime_sec * 1000;
    if (usable === undefined) this.#failQueued();
    this.#fleet.deploy(usable);
  }

  #made(code: Resolved | undefined): Deployment | WorkerError {
    try {
      return code === undefined ? new WorkerError('lambda-unknown') : deployment(code, this.#options.defaults);
    } catch (error) {
      return asWorkerError(error);
    }
  }

  // ---- calls that wait for code

  #arrive(call: Call, looking: Promise<void>): void {
    const { limits, max_instances } = this.#options.defaults;
    if (this.#arrived >= limits.queue + max_instances) {
      this.#fail(call, new WorkerError('queue-full'));
      return;
    }
    const queue = this.#arrivals.get(looking) ?? this.#newArrivals(looking, limits.runtime_sec * 1000);
    queue.push(call);
  }

  get #arrived(): number {
    let calls = 0;
    for (const { length } of this.#arrivals.values()) calls += length;
    return calls;
  }

  #newArrivals(looking: Promise<void>, patienceMs: number): CallQueue {
    const queue = this.#newQueue(patienceMs, () => new WorkerError('registry-unavailable', { detail: 'its code did not come in time' }));
    this.#arrivals.set(looking, queue);
    const next = (take: (call: Call) => void): void => {
      for (let taken = 0; taken < mostATurn && queue.length > 0; taken++) take(queue.shift() as Call);
      if (queue.length > 0) setImmediate(() => next(take));
      else {
        queue.clear(); // its timer goes, too
        this.#arrivals.delete(looking);
      }
      this.#forgetIfEmpty();
    };
    looking.then(
      () => next((call) => this.#admit(call)),
      (error: unknown) => next((call) => this.#fail(call, error)),
    );
    return queue;
  }

  /** Its code has been looked at on its way. */
  #admit(call: Call): void {
    call.phases.mark('code');
    this.#place(call);
  }

  // ---- calls and instances

  #place(call: Call): void {
    const deployment = this.#current;
    const refused = deployment instanceof WorkerError ? deployment : refusal(call, deployment);
    if (deployment instanceof WorkerError || refused !== undefined) {
      this.#fail(call, refused);
      return;
    }
    const { instances, limits } = deployment.settings;
    const fleet = this.#fleet;
    const idle = { warm: fleet.has('warm'), thawed: fleet.has('thawed') };
    const view = { idle, instances: fleet.serving, maxInstances: instances.max, queued: this.#queue.length, maxQueue: limits.queue };
    const placement = place(view, call.force);
    if (placement.at === 'use') fleet.use(call, placement.idle);
    else if (placement.at === 'queue') this.#wait(call);
    else if (placement.at === 'refuse') this.#fail(call, new WorkerError('queue-full'));
    else if (placement.at === 'unmet') this.#fail(call, new WorkerError('force-start-unmet'));
    else if (fleet.startFor(call, placement.cold)) return;
    else if (placement.otherwise === 'queue') this.#wait(call);
    else if (placement.otherwise === 'unmet') this.#fail(call, new WorkerError('force-start-unmet'));
    else
      this.#fail(
        call,
        new WorkerError('no-room', { detail: 'the memory for sandboxes (mem_pool_mb) is in use, and the queue of this lambda is full' }),
      );
  }

  /** Why a call has waited in vain. */
  #impatience(): WorkerError {
    const deployment = this.#deployment;
    if (deployment instanceof WorkerError) return deployment;
    const { max } = deployment.settings.instances;
    if (this.#fleet.serving >= max) return new WorkerError('no-instance', { detail: `it may have ${max}, and all were at work` });
    return new WorkerError('no-room', { detail: 'the memory for sandboxes (mem_pool_mb) was in use' });
  }

  #wait(call: Call): void {
    this.#queue.push(call);
    this.#fleet.pump();
  }

  /** Nothing can be done for the calls that wait, and with as many at a time as do not hold up others. */
  #failQueued(): void {
    for (let failed = 0; failed < mostATurn && this.#queue.length > 0 && this.#deployment instanceof WorkerError; failed++) {
      this.#fail(this.#queue.shift() as Call, this.#deployment);
    }
    if (this.#queue.length > 0 && this.#deployment instanceof WorkerError) setImmediate(() => this.#failQueued());
  }

  #newQueue(patienceMs: number, impatience: () => WorkerError): CallQueue {
    return new CallQueue({
      patienceMs,
      onImpatient: (call) => this.#fail(call, impatience()),
      onCancel: (call, why) => this.#fail(call, why),
    });
  }

  #fail(call: Call, error: unknown): void {
    call.cancel = undefined;
    call.settle({ at: 'failed', error: asWorkerError(error), start: undefined });
    this.#forgetIfEmpty();
  }

  #forgetIfEmpty(): void {
    if (this.#code !== undefined || this.#watch.isLooking || this.#fleet.instances.size + this.#queue.length + this.#arrivals.size > 0)
      return;
    this.#watch.close();
    this.#options.onEmpty();
  }
}
