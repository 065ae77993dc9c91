// All lambdas that this worker has met: finds the one that a call names, and forgets those that are gone.
import { WorkerError } from '../errors.ts';
import type { CodeRegistry, Holder } from '../registry/source-of-code.ts';
import type { Call } from './call.ts';
import type { LambdaCounts, LambdaDetails } from './details.ts';
import { type EvictionName, evictionPolicies } from './eviction.ts';
import { Lambda, type LambdaOptions } from './lambda.ts';
import { Room } from './room.ts';

export interface CatalogOptions extends Pick<LambdaOptions, 'backend' | 'defaults' | 'registryCacheMs' | 'events' | 'onLine'> {
  readonly registry: CodeRegistry;
  /** Keeps code on the node. */
  readonly holder: Holder;
  /** What all sandboxes together may use. */
  readonly memoryBytes: number;
  readonly eviction: EvictionName;
}

/** Every so often, ms, so many lambdas are looked at. */
const tendMs = 1000;
const tendedAtATime = 16;

export class Catalog {
  readonly #options: CatalogOptions;
  readonly #lambdas = new Map<string, Lambda>();
  readonly #room: Room;
  readonly #tending: NodeJS.Timeout;
  #next = this.#lambdas.values();
  #inFlight = 0;
  #draining = false;
  #whenIdle: (() => void) | undefined;

  constructor(options: CatalogOptions) {
    this.#options = options;
    this.#room = new Room(options.memoryBytes, evictionPolicies[options.eviction]);
    this.#tending = setInterval(() => this.#tend(), tendMs).unref();
  }

  invoke(call: Call): void {
    if (this.#draining) {
      call.settle({ at: 'failed', error: new WorkerError('draining'), start: undefined });
      return;
    }
    this.#inFlight++;
    this.#lambda(call.lambda).invoke(this.#counted(call));
  }

  /** Whether it is known of a lambda that it takes bodies only whole. */
  takesWhole(name: string): boolean {
    return this.#lambdas.get(name)?.takesWhole === true;
  }

  /** Finds out about a lambda before anybody calls it, and starts what it wants to have ready. Rejects as a call would fail. */
  async look(name: string): Promise<void> {
    if (this.#draining) throw new WorkerError('draining');
    await this.#lambda(name).look();
  }

  /** Totals. */
  status(): CatalogStatus {
    const totals = { instances: 0, busy: 0, idle: 0, frozen: 0, queued: 0, calls: 0 };
    for (const lambda of this.#lambdas.values()) lambda.addTo(totals);
    return { lambdas: this.#lambdas.size, ...totals, inFlight: this.#inFlight, room: this.#room.counts };
  }

  names(): Iterable<string> {
    return this.#lambdas.keys();
  }

  /** Of all lambdas, or of one. */
  details(name?: string): LambdaDetails[] {
    const lambdas = name === undefined ? [...this.#lambdas.values()] : [this.#lambdas.get(name)];
    return lambdas.flatMap((lambda) => (lambda === undefined ? [] : [lambda.details()]));
  }

  /** Takes no new call; resolves when those that were accepted have their answers, at the latest when `signal` aborts. */
  async drain(signal: AbortSignal): Promise<void> {
    this.#draining = true;
    if (this.#inFlight === 0 || signal.aborted) return;
    await new Promise<void>((resolve) => {
      this.#whenIdle = resolve;
      signal.addEventListener('abort', () => resolve(), { once: true });
    });
  }

  /** Ends all instances. Calls that still run fail. */
  async close(): Promise<void> {
    this.#draining = true;
    clearInterval(this.#tending);
    await Promise.all([...this.#lambdas.values()].map((lambda) => lambda.close()));
  }

  #lambda(name: string): Lambda {
    const known = this.#lambdas.get(name);
    if (known !== undefined) return known;
    const { registry, holder } = this.#options;
    const lambda: Lambda = new Lambda({
      ...this.#options,
      name,
      room: this.#room,
      resolve: (code) => registry.resolve(name, code),
      retain: (code) => holder.retain(code),
      release: (code) => holder.release(code),
      mayWarmUp: () => !this.#draining,
      onEmpty: () => {
        if (this.#lambdas.get(name) === lambda) this.#lambdas.delete(name); // else it has come again meanwhile
      },
    });
    this.#lambdas.set(name, lambda);
    return lambda;
  }

  /** Some lambdas at a time, in turn. */
  #tend(): void {
    for (let tended = 0; tended < Math.min(tendedAtATime, this.#lambdas.size) && !this.#draining; tended++) {
      let { value } = this.#next.next();
      if (value === undefined) {
        this.#next = this.#lambdas.values();
        value = this.#next.next().value;
      }
      void value?.tend();
    }
  }

  // The front end's call with its settling counted, so that draining knows when the last one has its answer.
  #counted(call: Call): Call {
    const { settle } = call;
    call.settle = (outcome) => {
      call.settle = settle;
      settle.call(call, outcome);
      this.#inFlight--;
      if (this.#inFlight === 0) this.#whenIdle?.();
    };
    return call;
  }
}

export interface CatalogStatus extends LambdaCounts {
  readonly lambdas: number;
  /** Calls that were accepted and have no answer yet. */
  readonly inFlight: number;
  readonly room: Room['counts'];
  readonly [more: string]: unknown;
}
