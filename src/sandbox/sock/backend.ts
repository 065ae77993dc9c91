// The sock backend: sandboxes made straight from Linux, forked from zygotes.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { WorkerError } from '../../errors.ts';
import type { Runtime } from '../../runtime/runtime.ts';
import { allRuntimes } from '../../runtime/runtimes.ts';
import { Received } from '../channel/received.ts';
import type { StandbyRange } from '../refill.ts';
import { RuntimeChoice } from '../runtime-choice.ts';
import type { Backend, BackendStatus, Code, Sandbox, SandboxLimits, SandboxSpec } from '../sandbox.ts';
import { Nursery } from '../zygote/nursery.ts';
import { buildRoot } from './base-root.ts';
import { Cgroups } from './cgroups.ts';
import { type Native, packageRoot } from './native.ts';
import { OwnZygotes } from './own-zygotes.ts';
import { Pool, type PoolOptions, type PoolStatus } from './pool.ts';
import { UidRange } from './uids.ts';

export interface SockOptions {
  readonly native: Native;
  /** Absolute; the generated root goes there. */
  readonly workerDir: string;
  /** `/` or another directory whose /usr and /etc sandboxes see. */
  readonly base: string;
  readonly limits: SandboxLimits;
  /** Refuse to start where a limit cannot be enforced. */
  readonly strict: boolean;
  readonly standbys: StandbyRange;
  readonly maxSandboxes: number;
  /** How many lambdas may have a zygote of their own. */
  readonly lambdaZygotes: number;
  log(level: 'info' | 'warn' | 'error', text: string, detail?: unknown): void;
}

export interface SockStatus extends BackendStatus {
  /** Of the runtime that is there from the start. */
  readonly slots?: PoolStatus['slots'];
  readonly runtimes: Readonly<Record<string, PoolStatus>>;
}

export class SockBackend implements Backend {
  readonly #cgroups: Cgroups;
  readonly #uids: UidRange;
  readonly #nursery: Nursery;
  readonly #runtimes: readonly Runtime[];
  readonly #pools = new Map<Runtime, Pool>();
  readonly #shared: Omit<PoolOptions, 'runtime'>;
  readonly #own: OwnZygotes;
  readonly #choice: RuntimeChoice;
  #ids = 0;
  #closed = false;

  constructor(options: SockOptions) {
    const { native, workerDir, base, limits, standbys, maxSandboxes, log } = options;
    this.#uids = UidRange.claim(native);
    this.#cgroups = Cgroups.open(native, workerDir);
    tellUnlimited(this.#cgroups, options);
    this.#runtimes = allRuntimes({ packageRoot: packageRoot(), base, node: process.execPath, memoryBytes: limits.memoryBytes });
    this.#choice = new RuntimeChoice(this.#runtimes);
    buildRoot(join(workerDir, 'root'), base, this.#runtimes);
    mkdirSync(join(workerDir, 'staging'), { recursive: true });
    this.#nursery = new Nursery({ native, cgroups: this.#cgroups, uids: this.#uids, workerDir, base, limits, log });
    this.#shared = {
      nursery: this.#nursery,
      cgroups: this.#cgroups,
      received: new Received(native.received),
      standbys,
      maxSandboxes,
      own: undefined,
      nextId: () => `${++this.#ids}`,
      onLoaded: (spec, loadMs) => this.#own.loaded(spec, this.#choice.of(spec), loadMs),
      log,
    };
    this.#own = new OwnZygotes(this.#shared, options.lambdaZygotes, limits);
  }

  async start(): Promise<void> {
    await Promise.all(this.#runtimes.filter(({ begins }) => begins === 'with-worker').map((runtime) => this.#begin(runtime).started));
  }

  create(spec: SandboxSpec): Sandbox {
    if (this.#closed) throw new WorkerError('draining');
    if (spec.code.image !== undefined)
      throw new WorkerError('code-invalid', { detail: 'it is an image, which "sandbox": "docker" runs, and "sock" does not yet' });
    const own = this.#own.find(spec);
    if (own !== undefined) return own.create(spec);
    const runtime = this.#choice.of(spec);
    return (this.#pools.get(runtime) ?? this.#begin(runtime).pool).create(spec);
  }

  forget(lambda: string, code: Code): void {
    this.#own.forget(lambda, code);
  }

  status(): SockStatus {
    const pools = [...this.#pools].map(([{ name }, pool]) => [name, pool.status()] as const);
    const [, first] = pools[0] ?? [];
    return {
      backend: 'sock',
      ...first,
      standbys: pools.reduce((sum, [, { standbys }]) => sum + standbys, 0),
      sandboxes: this.#all.reduce((sum, pool) => sum + pool.status().sandboxes, 0),
      runtimes: Object.fromEntries(pools),
      lambdaZygotes: this.#own.count,
      limitsNotEnforced: this.#cgroups.missing,
    };
  }

  memory(): ReadonlyMap<string, number> {
    return new Map(this.#all.flatMap((pool) => pool.memory()));
  }

  kill(): void {
    this.#cgroups.kill();
  }

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all([this.#own.close(), ...[...this.#pools.values()].map((pool) => pool.close())]);
    await this.#nursery.close();
    this.#cgroups.close();
    this.#uids.close();
  }

  get #all(): readonly Pool[] {
    return [...this.#pools.values(), ...this.#own.pools];
  }

  #begin(runtime: Runtime): { pool: Pool; started: Promise<void> } {
    const pool = new Pool({ ...this.#shared, runtime });
    this.#pools.set(runtime, pool);
    const started = pool.start();
    started.catch(() => {}); // told to those who wait for a sandbox; the pool tries again
    return { pool, started };
  }
}

function tellUnlimited(cgroups: Cgroups, { strict, log }: SockOptions): void {
  const { missing } = cgroups;
  if (missing.length === 0) return;
  const text = `cgroup v2 has no ${missing.join(', ')} controller here, so these limits of sandboxes are not enforced by cgroups (rlimits stand in for memory and processes; "worker doctor" tells how to mend it)`;
  if (strict) {
    cgroups.close();
    throw new Error(`${text}; limits.enforce is "strict"`);
  }
  log('warn', text);
}
