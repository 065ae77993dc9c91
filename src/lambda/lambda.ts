// One lambda: its code as the registry has it now, the calls that wait, its instances.
import { asWorkerError, WorkerError } from '../errors.ts';
import type { Resolved } from '../registry/registry.ts';
import type { Backend, ColdClass } from '../sandbox/sandbox.ts';
import type { Call } from './call.ts';
import { Instance } from './instance.ts';
import { type IdleClass, type LambdaView, place } from './placement.ts';
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
  onLine(lambda: string, stream: 'stdout' | 'stderr', line: string, requestId: string | undefined): void;
  /** Neither code nor instances nor calls: it can be forgotten. */
  onEmpty(): void;
}

interface Waiting {
  readonly call: Call;
  readonly since: number;
}

export class Lambda {
  readonly #options: LambdaOptions;
  readonly #instances = new Set<Instance>();
  /** Those that wait for a call, the most recently used last. */
  readonly #idle: Instance[] = [];
  readonly #queue: Waiting[] = [];
  #code: Resolved | undefined;
  #checkedAt = Number.NEGATIVE_INFINITY;
  #checking: Promise<void> | undefined;
  /** Fires when the first of the queue has waited too long. */
  #patience: NodeJS.Timeout | undefined;
  #calls = 0;
  /** Calls whose code is being looked for. */
  #arriving = 0;

  constructor(options: LambdaOptions) {
    this.#options = options;
  }

  get counts(): { instances: number; idle: number; queued: number; calls: number } {
    return { instances: this.#instances.size, idle: this.#idle.length, queued: this.#queue.length, calls: this.#calls };
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
      this.#fail(call, error);
    }
  }

  /** Ends all instances; calls that are under way or wait fail. */
  async close(): Promise<void> {
    for (const { call } of this.#queue.splice(0)) this.#fail(call, new WorkerError('draining'));
    clearTimeout(this.#patience);
    await Promise.all([...this.#instances].map((instance) => instance.close(new WorkerError('draining'))));
    this.#setCode(undefined);
  }

  // ---- code

  async #placeLater(call: Call, resolving: Promise<Resolved>): Promise<void> {
    let gone = false;
    call.cancel = () => (gone = true);
    this.#arriving++;
    const resolved = await resolving.catch(asWorkerError);
    this.#arriving--;
    call.cancel = undefined;
    if (gone) this.#fail(call, new WorkerError('sandbox-died', { detail: 'the client is gone' }));
    else if (resolved instanceof WorkerError) this.#fail(call, resolved);
    else this.#placeFresh(call, resolved);
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
    for (const instance of this.#idle.splice(0)) void instance.close(); // busy ones end when they have answered
  }

  // ---- placing calls

  #place(call: Call, code: Resolved): void {
    const placement = place(this.#view(), call.force);
    if (placement.at === 'use') this.#use(call, placement.idle);
    else if (placement.at === 'start') this.#start(call, code, placement.cold, placement.otherwise);
    else if (placement.at === 'queue') this.#wait(call);
    else if (placement.at === 'refuse') this.#fail(call, new WorkerError('queue-full'));
    else this.#fail(call, new WorkerError('force-start-unmet'));
  }

  #view(): LambdaView {
    const { maxInstances, maxQueue } = this.#options;
    // In the order in which they became idle: what is frozen is at the front, what is not at the back.
    const idle = { warm: this.#idle.at(-1)?.idleClass === 'warm', thawed: this.#idle[0]?.idleClass === 'thawed' };
    return { idle, instances: this.#instances.size, maxInstances, queued: this.#queue.length, maxQueue };
  }

  #use(call: Call, idle: IdleClass): void {
    const at = this.#idle.findLastIndex((instance) => instance.idleClass === idle);
    const [instance] = this.#idle.splice(at, 1);
    if (instance === undefined) {
      this.#fail(call, new WorkerError('force-start-unmet'));
      return;
    }
    this.#options.room.busy(instance);
    call.phases.mark('queue');
    instance.serve(call);
  }

  #start(call: Call, code: Resolved, cold: ColdClass | undefined, otherwise: 'queue' | 'refuse' | 'unmet'): void {
    const { room, backend } = this.#options;
    if (!room.take()) {
      if (otherwise === 'queue') this.#wait(call);
      else this.#fail(call, new WorkerError(otherwise === 'refuse' ? 'no-room' : 'force-start-unmet'));
      return;
    }
    call.phases.mark('queue');
    try {
      const instance = new Instance(backend, this.#instanceOptions(code), call, cold);
      this.#instances.add(instance);
      this.#options.retain(code);
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
      timeLimitMs,
      freezeAfterMs,
      keepWarmMs,
      onLine: (stream: 'stdout' | 'stderr', line: string, requestId: string | undefined) => onLine(name, stream, line, requestId),
      onFree: (instance: Instance) => this.#onFree(instance),
      onEnd: (instance: Instance) => this.#onEnd(instance, code),
    };
  }

  #onFree(instance: Instance): void {
    if (instance.code.digest !== this.#code?.digest) {
      void instance.close();
      return;
    }
    const call = this.#next();
    if (call !== undefined) {
      call.phases.mark('queue');
      instance.serve(call);
      return;
    }
    this.#idle.push(instance);
    this.#options.room.idle(instance);
  }

  #onEnd(instance: Instance, code: Resolved): void {
    const { room, release } = this.#options;
    this.#instances.delete(instance);
    const at = this.#idle.indexOf(instance);
    if (at >= 0) this.#idle.splice(at, 1);
    room.busy(instance);
    room.free();
    release(code);
    this.#pump();
  }

  // ---- calls that wait

  #wait(call: Call): void {
    const waiting = { call, since: performance.now() };
    this.#queue.push(waiting);
    call.cancel = () => {
      const at = this.#queue.indexOf(waiting);
      if (at >= 0) this.#queue.splice(at, 1);
      this.#fail(call, new WorkerError('sandbox-died', { detail: 'the client is gone' }));
    };
    if (this.#queue.length === 1) this.#watch();
    this.#options.room.wait(this.#whenRoom);
  }

  readonly #whenRoom = (): void => this.#pump();

  /** Starts instances for calls that wait, as far as there is room. */
  #pump(): void {
    const code = this.#code;
    while (code !== undefined && this.#queue.length > 0 && this.#instances.size < this.#options.maxInstances) {
      if (!this.#options.room.available) {
        this.#options.room.wait(this.#whenRoom);
        return;
      }
      const call = this.#next();
      if (call !== undefined) this.#start(call, code, undefined, 'refuse');
    }
  }

  #next(): Call | undefined {
    const call = this.#queue.shift()?.call;
    if (call !== undefined) call.cancel = undefined;
    return call;
  }

  /** No call waits for longer than it may run. */
  #watch(): void {
    clearTimeout(this.#patience);
    const first = this.#queue[0];
    if (first === undefined) return;
    this.#patience = setTimeout(
      () => {
        const call = this.#queue[0] === first ? this.#next() : undefined;
        if (call !== undefined) this.#fail(call, new WorkerError('no-room'));
        this.#watch();
      },
      Math.max(0, first.since + this.#options.timeLimitMs - performance.now()),
    );
  }

  #fail(call: Call, error: unknown): void {
    call.cancel = undefined;
    call.settle({ at: 'failed', error: asWorkerError(error), start: undefined });
    if (this.#code === undefined && this.#instances.size === 0 && this.#queue.length + this.#arriving === 0) this.#options.onEmpty();
  }
}
