// One lambda: its code as the registry has it now, the calls that wait, its instances.
import { asWorkerError, WorkerError } from '../errors.ts';
import type { Resolved } from '../registry/registry.ts';
import type { Backend, ColdClass, Stream } from '../sandbox/sandbox.ts';
import type { Call } from './call.ts';
import { Instance } from './instance.ts';
import { type IdleClass, type LambdaView, type Placement, place } from './placement.ts';
import { CallQueue } from './queue.ts';
import type { Room } from './room.ts';

export interface LambdaOptions {
  readonly name: string;
  readonly backend: Backend;
  readonly room: Room;
  /** As DirectoryRegistry.resolve. */
  resolve(known: Resolved | undefined): Resolved | Promise<Resolved>;
  retain(code: Resolved): void;
  release(code: Resolved): void;
  readonly maxInstances: number;
  readonly maxQueue: number;
  readonly timeLimitMs: number;
  readonly freezeAfterMs: number;
  readonly keepWarmMs: number;
  readonly registryCacheMs: number;
  onLine(lambda: string, stream: Stream, line: string, requestId: string | undefined): void;
  /** Neither code nor instances nor calls: it can be forgotten. */
  onEmpty(): void;
}

export class Lambda {
  readonly #options: LambdaOptions;
  readonly #instances = new Set<Instance>();
  /** Those that can take a call, the most recently used last. */
  readonly #free: Instance[] = [];
  readonly #queue: CallQueue;
  #code: Resolved | undefined;
  #checkedAt = Number.NEGATIVE_INFINITY;
  #checking: Promise<void> | undefined;
  #calls = 0;
  /** Calls whose code is being looked for. */
  #arriving = 0;

  constructor(options: LambdaOptions) {
    this.#options = options;
    this.#queue = new CallQueue({
      patienceMs: options.timeLimitMs, // no call waits for longer than it may run
      onImpatient: (call) => this.#fail(call, new WorkerError('no-room')),
      onCancel: (call, why) => this.#fail(call, why),
    });
  }

  get counts(): { instances: number; idle: number; queued: number; calls: number } {
    return {
      instances: this.#instances.size,
      idle: this.#free.filter(({ load }) => load === 0).length,
      queued: this.#queue.length,
      calls: this.#calls,
    };
  }

  invoke(call: Call): void {
    this.#calls++;
    const age = performance.now() - this.#checkedAt;
    if (this.#code !== undefined && age < this.#options.registryCacheMs) {
      // Under traffic the code is looked at again in the second half of its window, so that no call waits for that.
      if (age > this.#options.registryCacheMs / 2 && this.#checking === undefined) setImmediate(() => void this.#check());
      this.#place(call, this.#code);
      return;
    }
    try {
      const resolved = this.#options.resolve(this.#code);
      if (resolved instanceof Promise) void this.#placeLater(call, resolved);
      else this.#placeFresh(call, resolved);
    } catch (error) {
      this.#placeStale(call, error);
    }
  }

  /** Ends all instances; calls that are under way or wait fail. */
  async close(): Promise<void> {
    for (const call of this.#queue.clear()) this.#fail(call, new WorkerError('draining'));
    await Promise.all([...this.#instances].map((instance) => instance.close(new WorkerError('draining'))));
    this.#setCode(undefined);
  }

  // ---- code

  async #placeLater(call: Call, resolving: Promise<Resolved>): Promise<void> {
    let gone: WorkerError | undefined;
    call.cancel = (why) => (gone = why);
    this.#arriving++;
    const resolved = await resolving.catch(asWorkerError);
    this.#arriving--;
    call.cancel = undefined;
    if (gone !== undefined) this.#fail(call, gone);
    else if (resolved instanceof WorkerError) this.#placeStale(call, resolved);
    else this.#placeFresh(call, resolved);
  }

  /** When the registry is down, code that is on the node keeps serving, and is used unchecked for another window. */
  #placeStale(call: Call, error: unknown): void {
    const code = this.#code;
    if (code !== undefined && asWorkerError(error).code === 'registry-unavailable') {
      this.#checkedAt = performance.now();
      this.#place(call, code);
    } else {
      this.#fail(call, error);
    }
  }

  #placeFresh(call: Call, resolved: Resolved): void {
    this.#setCode(resolved);
    call.phases.mark('code');
    this.#place(call, resolved);
  }

  /** Looks at the registry off every call's path. A registry that is down takes nothing away; a lambda that is gone is found at the next call. */
  async #check(): Promise<void> {
    this.#checking ??= (async () => {
      try {
        this.#setCode(await this.#options.resolve(this.#code));
      } catch (error) {
        if (asWorkerError(error).code === 'registry-unavailable') this.#checkedAt = performance.now();
        else this.#checkedAt = Number.NEGATIVE_INFINITY;
      } finally {
        this.#checking = undefined;
      }
    })();
    await this.#checking;
  }

  #setCode(code: Resolved | undefined): void {
    const old = this.#code;
    this.#code = code;
    this.#checkedAt = code === undefined ? Number.NEGATIVE_INFINITY : performance.now();
    if (old?.digest === code?.digest) return;
    if (code !== undefined) this.#options.retain(code);
    if (old !== undefined) this.#options.release(old);
    for (const instance of this.#free.splice(0)) instance.retire();
  }

  // ---- placing calls

  #place(call: Call, code: Resolved): void {
    const placement = place(this.#view(), call.force);
    if (placement.at === 'use') this.#use(call, placement.idle);
    else if (placement.at === 'start') this.#startFor(call, code, placement);
    else if (placement.at === 'queue') this.#wait(call);
    else if (placement.at === 'refuse') this.#fail(call, new WorkerError('queue-full'));
    else this.#fail(call, new WorkerError('force-start-unmet'));
  }

  #view(): LambdaView {
    const { maxInstances, maxQueue } = this.#options;
    // In the order in which they became idle: what is frozen is at the front, what is not at the back.
    const idle = { warm: this.#free.at(-1)?.idleClass === 'warm', thawed: this.#free[0]?.idleClass === 'thawed' };
    return { idle, instances: this.#instances.size, maxInstances, queued: this.#queue.length, maxQueue };
  }

  #use(call: Call, idle: IdleClass): void {
    const at = this.#free.findLastIndex((instance) => instance.idleClass === idle);
    const [instance] = this.#free.splice(at, 1);
    if (instance === undefined) this.#fail(call, new WorkerError('force-start-unmet'));
    else this.#serve(instance, call);
  }

  /** The instance is none of the free ones. */
  #serve(instance: Instance, call: Call): void {
    call.phases.mark('queue');
    this.#options.room.busy(instance);
    instance.serve(call);
    if (instance.idleClass !== undefined) this.#free.push(instance); // it takes several at a time
  }

  #startFor(call: Call, code: Resolved, { cold, otherwise }: Extract<Placement, { at: 'start' }>): void {
    if (this.#options.room.take()) this.#start(call, code, cold);
    else if (otherwise === 'queue') this.#wait(call);
    else this.#fail(call, new WorkerError(otherwise === 'refuse' ? 'no-room' : 'force-start-unmet'));
  }

  /** Its place is taken. */
  #start(call: Call, code: Resolved, cold: ColdClass | undefined): void {
    const { room, backend } = this.#options;
    call.phases.mark('queue');
    try {
      const instance = new Instance(backend, this.#instanceOptions(code), cold);
      this.#instances.add(instance);
      this.#options.retain(code);
      instance.serveFirst(call);
      if (instance.idleClass !== undefined) this.#free.push(instance);
    } catch (error) {
      room.free();
      this.#fail(call, error);
    }
  }

  #instanceOptions(code: Resolved) {
    const { name, timeLimitMs, freezeAfterMs, keepWarmMs, onLine } = this.#options;
    return {
      lambda: name,
      code,
      environment: {},
      entry: {},
      concurrency: 1,
      limits: undefined,
      zygote: true,
      reuse: true,
      timeLimitMs,
      freezeAfterMs,
      keepWarmMs,
      onLine: (stream: Stream, line: string, requestId: string | undefined) => onLine(name, stream, line, requestId),
      onFree: (instance: Instance) => this.#onFree(instance),
      onEnd: (instance: Instance) => this.#onEnd(instance, code),
    };
  }

  #onFree(instance: Instance): void {
    if (instance.code.digest !== this.#code?.digest) {
      instance.retire();
      return;
    }
    const call = this.#queue.shift();
    const at = this.#free.indexOf(instance);
    if (at >= 0) this.#free.splice(at, 1);
    if (call !== undefined) {
      this.#serve(instance, call);
      return;
    }
    this.#free.push(instance);
    if (instance.load === 0) this.#options.room.idle(instance);
  }

  #onEnd(instance: Instance, code: Resolved): void {
    const { room, release } = this.#options;
    this.#instances.delete(instance);
    const at = this.#free.indexOf(instance);
    if (at >= 0) this.#free.splice(at, 1);
    room.busy(instance);
    room.free();
    release(code);
    this.#pump();
  }

  // ---- calls that wait

  #wait(call: Call): void {
    this.#queue.push(call);
    if (!this.#options.room.available) this.#options.room.wait(this.#whenRoom);
  }

  readonly #whenRoom = (): void => this.#pump();

  /** Starts instances for calls that wait, as far as there is room. */
  #pump(): void {
    while (this.#queue.length > 0 && this.#startForFirst()) {
      // one more
    }
  }

  /** Starts an instance for the first call that waits. False when there may be no more, or no room now. */
  #startForFirst(): boolean {
    const { room, maxInstances } = this.#options;
    const code = this.#code;
    if (code === undefined || this.#instances.size >= maxInstances) return false;
    if (!room.take()) {
      room.wait(this.#whenRoom);
      return false;
    }
    const call = this.#queue.shift();
    if (call === undefined) room.free();
    else this.#start(call, code, undefined);
    return call !== undefined;
  }

  #fail(call: Call, error: unknown): void {
    call.cancel = undefined;
    call.settle({ at: 'failed', error: asWorkerError(error), start: undefined });
    if (this.#code === undefined && this.#instances.size === 0 && this.#queue.length + this.#arriving === 0) this.#options.onEmpty();
  }
}
