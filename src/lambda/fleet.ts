// The instances of one lambda: starts them for calls that wait and for its minimum, picks the one that takes a call, gives them up for others.
import { asWorkerError, WorkerError } from '../errors.ts';
import type { Resolved } from '../registry/registry.ts';
import type { Backend, ColdClass, Stream } from '../sandbox/sandbox.ts';
import type { Call } from './call.ts';
import type { Deployment } from './deployment.ts';
import type { CatalogEvents, Eviction } from './events.ts';
import type { Candidate } from './eviction.ts';
import { Instance, type InstanceOwner } from './instance.ts';
import { expires, type IdleClass, standing, wanted } from './placement.ts';
import type { CallQueue } from './queue.ts';
import { Ready } from './ready.ts';
import type { Room, Tenant, Wish } from './room.ts';
import { Usage } from './usage.ts';
import { warmUpCall } from './warm-up.ts';

export interface FleetOptions {
  readonly name: string;
  readonly backend: Backend;
  readonly room: Room;
  /** What waits for an instance; served from here as instances become free. */
  readonly queue: CallQueue;
  readonly events: CatalogEvents;
  retain(code: Resolved): void;
  release(code: Resolved): void;
  onLine(lambda: string, stream: Stream, line: string, requestId: string | undefined): void;
  /** Whether instances may be started that no call waits for. */
  mayWarmUp(): boolean;
  /** No instance could be started for the call. */
  onFailed(call: Call, error: unknown): void;
  /** An instance has ended. */
  onEnd(): void;
}

/** Calls that are taken from the queue in one turn of the event loop. */
const mostATurn = 32;

export class Fleet implements Tenant, InstanceOwner {
  readonly #options: FleetOptions;
  #deployment: Deployment | undefined;
  readonly #instances = new Set<Instance>();
  /** Those that take calls: of the current code, not retired. */
  readonly #serving = new Set<Instance>();
  readonly #ready = new Ready<Instance>();
  /** Those that end for another lambda's sake as soon as they have answered. */
  readonly #yielding = new Set<Instance>();
  readonly #usage = new Usage();
  #warmUpFailed = false;
  #pumpsSoon = false;

  constructor(options: FleetOptions) {
    this.#options = options;
  }

  get counts(): { instances: number; busy: number; idle: number; frozen: number } {
    const { idle, frozen } = this.#ready;
    return { instances: this.#instances.size, busy: this.#instances.size - idle, idle: idle - frozen, frozen };
  }

  get instances(): ReadonlySet<Instance> {
    return this.#instances;
  }

  /** Those that take calls. */
  get serving(): number {
    return this.#serving.size;
  }

  has(idle: IdleClass): boolean {
    return this.#ready.has(idle);
  }

  /** Runs this from now on; what runs goes on with what it was started with. */
  deploy(deployment: Deployment | undefined): void {
    this.#deployment = undefined; // nothing is started for what is known now to be old
    for (const instance of [...this.#serving]) instance.retire();
    this.#deployment = deployment;
    this.#warmUpFailed = false;
    this.#pumpSoon(); // the call with which the code came is placed first: its instance is one of the minimum
  }

  /** Gives the call to an instance that can take it. */
  use(call: Call, idle: IdleClass): void {
    const instance = this.#ready.take(idle);
    call.phases.mark('queue');
    if (instance === undefined) this.#options.onFailed(call, new WorkerError('force-start-unmet'));
    else this.#serve(instance, call);
  }

  /** Starts an instance for the call. False when there is no room. */
  startFor(call: Call, cold: ColdClass | undefined): boolean {
    const deployment = this.#deployment;
    if (deployment === undefined || !this.#options.room.take(this, { sake: 'call', bytes: deployment.bytes })) return false;
    this.#startFor(call, deployment, cold);
    return true;
  }

  /** Sees to what waits: calls, and the minimum. To be called when there is more of it, or when more can be done. */
  pump(): void {
    if (this.#deployment === undefined) return; // what is old is given nothing more
    const { queue, room } = this.#options;
    for (let steps = 0; steps < mostATurn; steps++) {
      const idle = queue.length > 0 ? this.#ready.any : undefined;
      const call = idle === undefined ? undefined : queue.shift();
      const wish = call === undefined ? this.wish : undefined;
      if (idle !== undefined && call !== undefined) this.use(call, idle);
      else if (wish === undefined) return;
      else if (room.take(this, wish)) this.grant(wish);
      else {
        room.join(this);
        return;
      }
    }
    this.#pumpSoon();
  }

  /** Ends all instances; calls under way fail. */
  async close(error: WorkerError): Promise<void> {
    this.#options.room.leave(this);
    this.#deployment = undefined;
    await Promise.all([...this.#instances].map((instance) => instance.close(error)));
  }

  // ---- Tenant

  get wish(): Wish | undefined {
    const deployment = this.#deployment;
    if (deployment === undefined) return undefined;
    const { min, max } = deployment.settings.instances;
    const sake = wanted({ instances: this.#serving.size, queued: this.#options.queue.length, min: this.#mayWarmUp ? min : 0, max });
    return sake === undefined ? undefined : { sake, bytes: deployment.bytes };
  }

  get held(): number {
    return this.#serving.size * (this.#deployment?.bytes ?? 0);
  }

  idleBytes(sake: Wish['sake']): number {
    const { idle } = this.#ready;
    const may = sake === 'call' ? idle : Math.min(idle, Math.max(0, this.#serving.size - this.#min));
    return may * (this.#deployment?.bytes ?? 0);
  }

  offer(): Candidate | undefined {
    const instance = this.#ready.longestIdle;
    const idleSince = instance?.idleSince;
    if (instance === undefined || idleSince === undefined) return undefined;
    const { bytes, settings } = instance.deployment;
    const { needed, ...usage } = this.#usage.now;
    return {
      ...usage,
      standing: standing({ instances: this.#serving.size, min: this.#min, needed }),
      bytes,
      idleSince,
      expiresAt: idleSince + settings.keepWarmMs,
    };
  }

  evict(): void {
    this.#giveUp(this.#ready.longestIdle, 'memory');
  }

  grant({ sake, bytes }: Wish): void {
    const { room, queue } = this.#options;
    const deployment = this.#deployment;
    const call = sake === 'call' ? queue.shift() : undefined;
    if (deployment === undefined || (sake === 'call' && call === undefined)) room.free(this, bytes);
    else if (call !== undefined) this.#startFor(call, deployment, undefined);
    else this.#warmUp(deployment);
    if (this.wish !== undefined) room.join(this);
    if (queue.length > 0 && this.#ready.any !== undefined) this.#pumpSoon(); // it takes several at a time
  }

  // ---- InstanceOwner

  onStarted(instance: Instance, ms: number): void {
    this.#usage.noteStart(ms);
    this.#options.events.onColdStart(this.#options.name, instance.start, ms);
  }

  onFree(instance: Instance): void {
    const { room, queue } = this.#options;
    const { bytes } = instance.deployment;
    if (room.claims(this, { bytes, ageMs: performance.now() - instance.born })) {
      this.#yielding.add(instance);
      room.expect(bytes);
      this.#giveUp(instance, 'fairness');
      return;
    }
    this.#usage.noteRest(room.clock);
    this.#ready.put(instance);
    if (queue.length > 0) this.pump();
    else if (instance.load === 0) room.serveLine();
  }

  onRetired(instance: Instance): void {
    this.#serving.delete(instance);
    this.#ready.remove(instance);
    this.pump(); // another may take its place
  }

  expires(): boolean {
    return expires({ instances: this.#serving.size, min: this.#mayWarmUp ? this.#min : 0 });
  }

  onEnd(instance: Instance, how: 'died' | 'closed'): void {
    const { room, release, onEnd } = this.#options;
    const { bytes, code } = instance.deployment;
    this.#instances.delete(instance);
    this.#serving.delete(instance);
    this.#ready.forget(instance);
    if (this.#instances.size === 0) this.#usage.reset();
    if (how === 'died' && instance.served === 0) this.#noWarmUp(instance.deployment, new WorkerError('sandbox-died')); // another would die as well
    if (this.#yielding.delete(instance)) room.expect(-bytes);
    room.free(this, bytes);
    release(code);
    this.pump();
    onEnd();
  }

  // ---- starting and serving

  get #min(): number {
    return this.#deployment?.settings.instances.min ?? 0;
  }

  get #mayWarmUp(): boolean {
    return !this.#warmUpFailed && this.#options.mayWarmUp();
  }

  /** Its room is taken. */
  #startFor(call: Call, deployment: Deployment, cold: ColdClass | undefined): void {
    call.phases.mark('queue');
    try {
      this.#serve(this.#started(deployment, cold), call);
    } catch (error) {
      this.#options.onFailed(call, error);
    }
  }

  /** Its room is taken. */
  #warmUp(deployment: Deployment): void {
    try {
      const instance = this.#started(deployment, undefined);
      instance.warmUp(warmUpCall(this.#options.name, (outcome) => outcome.at === 'failed' && this.#noWarmUp(deployment, outcome.error)));
      if (instance.idleClass !== undefined) this.#ready.put(instance); // it takes several at a time
    } catch (error) {
      this.#noWarmUp(deployment, asWorkerError(error));
    }
  }

  /** Until there is other code, none is started any more that no call waits for. What became of older code says nothing. */
  #noWarmUp(deployment: Deployment, error: WorkerError): void {
    if (deployment !== this.#deployment || this.#warmUpFailed) return;
    this.#warmUpFailed = true;
    this.#options.events.onWarmUpFailed(this.#options.name, error);
  }

  /** Throws when none can be started; its room is free again then. */
  #started(deployment: Deployment, cold: ColdClass | undefined): Instance {
    const { name, backend, room, retain, onLine } = this.#options;
    try {
      const instance = new Instance(
        backend,
        { lambda: name, deployment, owner: this, onLine: (stream, line, requestId) => onLine(name, stream, line, requestId) },
        cold,
      );
      retain(deployment.code);
      this.#instances.add(instance);
      this.#serving.add(instance);
      return instance;
    } catch (error) {
      room.free(this, deployment.bytes);
      throw error;
    }
  }

  /** The instance is none of the ready ones. */
  #serve(instance: Instance, call: Call): void {
    this.#usage.noteUse(this.#serving.size - this.#ready.idle);
    instance.serve(call);
    if (instance.idleClass !== undefined) this.#ready.put(instance); // it takes several at a time
  }

  #giveUp(instance: Instance | undefined, why: Eviction): void {
    if (instance === undefined) return;
    this.#options.events.onEvict(this.#options.name, why);
    instance.retire();
  }

  #pumpSoon(): void {
    if (this.#pumpsSoon) return;
    this.#pumpsSoon = true;
    setImmediate(() => {
      this.#pumpsSoon = false;
      this.pump();
    });
  }
}
