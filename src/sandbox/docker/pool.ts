// The containers of one kind: those that wait for a lambda, and those that serve one.
import { WorkerError } from '../../errors.ts';
import type { StandbyRange } from '../refill.ts';
import type { SandboxSpec } from '../sandbox.ts';
import { Standbys } from '../standbys.ts';
import type { Container } from './container.ts';
import type { KindSource } from './kinds.ts';
import type { Maker } from './maker.ts';

export interface PoolOptions {
  readonly maker: Maker;
  readonly kind: KindSource;
  /** Whether the code comes from outside of the image. */
  readonly takesCode: boolean;
  readonly standbys: StandbyRange;
  /** Whether containers of it may be made to wait. */
  mayWait(): boolean;
  log(level: 'warn', text: string, cause: unknown): void;
}

export interface PoolStatus {
  readonly standbys: number;
  /** Standbys that are being made. */
  readonly starting: number;
  readonly sandboxes: number;
}

/** A standby that could not be made is tried again after that time, ms, doubled each time. */
const retryMs = { first: 1000, most: 60_000 } as const;

export class Pool {
  readonly #options: PoolOptions;
  readonly #standbys: Standbys<Container>;
  readonly #containers = new Set<Container>();
  #retry: NodeJS.Timeout | undefined;
  #retryMs: number = retryMs.first;
  #closed = false;

  constructor(options: PoolOptions) {
    this.#options = options;
    this.#standbys = new Standbys({
      range: options.standbys,
      starting: () => [...this.#containers].filter(({ spec, wasReady }) => spec !== undefined && !wasReady).length,
      begin: (ready) => this.#beginStandby(ready),
      onQuiet: () => {},
    });
  }

  /** Makes what is to wait. */
  refill(): void {
    this.#standbys.refillSoon();
  }

  create(spec: SandboxSpec): Container {
    this.#standbys.noteColdStart();
    if (spec.cold === 'forked') throw new WorkerError('force-start-unmet', { detail: 'containers are not forked' });
    // A standby has the limits of all.
    const standby = spec.cold !== 'spawned' && spec.limits === undefined ? this.#standbys.take((waiting) => waiting.take(spec)) : undefined;
    if (standby === undefined && spec.cold === 'standby') {
      this.refill();
      throw new WorkerError('force-start-unmet', { detail: 'no standby is waiting' });
    }
    return standby ?? this.#make(spec, () => this.refill());
  }

  status(): PoolStatus {
    const [standbys, starting] = [this.#standbys.count, this.#standbys.coming];
    return { standbys, starting, sandboxes: this.#containers.size - standbys - starting };
  }

  /** Ends those that wait. */
  dismiss(): void {
    this.#standbys.clear();
  }

  /** Nothing more will be asked of it; what runs goes on. */
  retire(): void {
    this.#closed = true;
    clearTimeout(this.#retry);
    this.#standbys.close();
  }

  #beginStandby(onReady: () => void): Container | undefined {
    if (this.#closed || this.#retry !== undefined || !this.#options.mayWait()) return undefined;
    try {
      return this.#make(undefined, () => {
        this.#retryMs = retryMs.first;
        onReady();
      });
    } catch (error) {
      this.#failed(error);
      return undefined;
    }
  }

  #make(spec: SandboxSpec | undefined, onReady: () => void): Container {
    const { maker, kind, takesCode } = this.#options;
    const container = maker.make(kind, {
      spec,
      takesCode,
      onReady,
      onStarted: () => this.refill(),
      onGone: (error) => this.#gone(container, error),
    });
    this.#containers.add(container);
    return container;
  }

  #gone(container: Container, error: WorkerError): void {
    this.#containers.delete(container);
    this.#standbys.remove(container);
    if (this.#closed) return;
    if (container.start === 'standby' && error.code === 'start-failed') this.#failed(error);
    else this.refill();
  }

  #failed(error: unknown): void {
    const cause = error instanceof WorkerError ? (error.cause ?? error) : error;
    this.#options.log('warn', `make a standby container, trying again in ${this.#retryMs / 1000} s`, cause);
    this.#retry = setTimeout(() => {
      this.#retry = undefined;
      this.refill();
    }, this.#retryMs).unref();
    this.#retryMs = Math.min(this.#retryMs * 2, retryMs.most);
  }
}
