// All lambdas that this worker has met: finds the one that a call names.
import { WorkerError } from '../errors.ts';
import type { DirectoryRegistry } from '../registry/registry.ts';
import type { Store } from '../registry/store.ts';
import type { Call } from './call.ts';
import { Lambda, type LambdaOptions } from './lambda.ts';
import { Room } from './room.ts';

export interface CatalogOptions
  extends Pick<
    LambdaOptions,
    'backend' | 'maxInstances' | 'maxQueue' | 'timeLimitMs' | 'freezeAfterMs' | 'keepWarmMs' | 'registryCacheMs' | 'onLine'
  > {
  readonly registry: DirectoryRegistry;
  readonly store: Store;
  /** Over all lambdas. */
  readonly maxSandboxes: number;
}

export class Catalog {
  readonly #options: CatalogOptions;
  readonly #lambdas = new Map<string, Lambda>();
  readonly #room: Room;
  #inFlight = 0;
  #draining = false;
  #whenIdle: (() => void) | undefined;

  constructor(options: CatalogOptions) {
    this.#options = options;
    this.#room = new Room(options.maxSandboxes);
  }

  invoke(call: Call): void {
    if (this.#draining) {
      call.settle({ at: 'failed', error: new WorkerError('draining'), start: undefined });
      return;
    }
    this.#inFlight++;
    this.#lambda(call.lambda).invoke(this.#counted(call));
  }

  status(): Readonly<Record<string, unknown>> {
    const totals = { instances: 0, idle: 0, queued: 0 };
    for (const lambda of this.#lambdas.values()) {
      const { instances, idle, queued } = lambda.counts;
      totals.instances += instances;
      totals.idle += idle;
      totals.queued += queued;
    }
    return { lambdas: this.#lambdas.size, ...totals, inFlight: this.#inFlight, room: this.#room.counts };
  }

  /** Takes no new call; resolves when those that were accepted have their answers, at the latest when `signal` aborts. */
  async drain(signal: AbortSignal): Promise<void> {
    this.#draining = true;
    if (this.#inFlight === 0) return;
    await new Promise<void>((resolve) => {
      this.#whenIdle = resolve;
      signal.addEventListener('abort', () => resolve(), { once: true });
    });
  }

  /** Ends all instances. Calls that still run fail. */
  async close(): Promise<void> {
    this.#draining = true;
    await Promise.all([...this.#lambdas.values()].map((lambda) => lambda.close()));
  }

  #lambda(name: string): Lambda {
    const known = this.#lambdas.get(name);
    if (known !== undefined) return known;
    const { registry, store } = this.#options;
    const lambda = new Lambda({
      ...this.#options,
      name,
      room: this.#room,
      resolve: (code) => registry.resolve(name, code),
      retain: (code) => store.retain(code.digest),
      release: (code) => store.release(code.digest),
      onEmpty: () => this.#lambdas.delete(name),
    });
    this.#lambdas.set(name, lambda);
    return lambda;
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
