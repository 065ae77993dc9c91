// Zygotes of single lambdas: with their handler loaded, so that a burst of cold starts does not import it again and again.
import { ownSettings, type Runtime } from '../../runtime/runtime.ts';
import type { Code, SandboxLimits, SandboxSpec } from '../sandbox.ts';
import { deservesZygote } from '../zygote/promotion.ts';
import { Pool, type PoolOptions } from './pool.ts';

interface Known {
  readonly starts: number[];
  state: 'none' | 'starting' | 'serving' | 'failed';
  pool: Pool | undefined;
}

/** Starts that are remembered of one lambda, and lambdas that are remembered. */
const remembered = { starts: 4, lambdas: 1000 } as const;
/** A processor may be busier than it was when the import was timed; and what was timed was told by the lambda. */
const importLimit = { times: 10, least: 2000, most: 60_000 } as const;

export class OwnZygotes {
  readonly #shared: Omit<PoolOptions, 'runtime'>;
  readonly #most: number;
  readonly #limits: SandboxLimits;
  /** By lambda and digest; those used last at the end. */
  readonly #known = new Map<string, Known>();
  /** Those of which nothing more is asked, while sandboxes of theirs live. */
  readonly #retired = new Set<Pool>();

  /** `shared`: the pool that every lambda has; at most `most` zygotes at a time, each under the limits of its lambda, or these. */
  constructor(shared: Omit<PoolOptions, 'runtime'>, most: number, limits: SandboxLimits) {
    this.#shared = shared;
    this.#most = most;
    this.#limits = limits;
  }

  get count(): number {
    return this.#pools().length;
  }

  /** The pool of this lambda alone. Those who insist on a start class get what every lambda gets. */
  find(spec: SandboxSpec): Pool | undefined {
    if (spec.cold !== undefined || !spec.zygote) return undefined;
    const key = keyOf(spec.lambda, spec.code);
    const known = this.#known.get(key);
    if (known?.state !== 'serving') return undefined;
    this.#known.delete(key);
    this.#known.set(key, known);
    return known.pool;
  }

  /** All that may have sandboxes. */
  get pools(): readonly Pool[] {
    return [...this.#pools().map(([, pool]) => pool), ...this.#retired];
  }

  /** A sandbox of the lambda has loaded its handler in so many ms (0: it was loaded). */
  loaded(spec: SandboxSpec, runtime: Runtime, loadMs: number): void {
    if (!runtime.loadsInZygote || !spec.zygote || this.#most === 0 || loadMs === 0) return;
    const key = keyOf(spec.lambda, spec.code);
    const known = this.#known.get(key) ?? { starts: [], state: 'none', pool: undefined };
    this.#known.set(key, known);
    known.starts.push(performance.now());
    if (known.starts.length > remembered.starts) known.starts.shift();
    if (known.pool === undefined && deservesZygote({ loadMs, starts: known.starts, failed: known.state === 'failed' }))
      this.#make(known, runtime, spec, loadMs);
    if (this.#known.size > remembered.lambdas) this.#drop([...this.#known].find(([, { pool }]) => pool === undefined)?.[0]);
  }

  forget(lambda: string, code: Code): void {
    this.#drop(keyOf(lambda, code));
  }

  async close(): Promise<void> {
    for (const key of [...this.#known.keys()]) this.#drop(key);
    await Promise.all([...this.#retired].map((pool) => pool.close()));
  }

  #make(known: Known, runtime: Runtime, spec: SandboxSpec, loadMs: number): void {
    const [oldest] = this.#pools();
    if (this.#pools().length >= this.#most && oldest !== undefined) this.#drop(oldest[0]);
    const { program } = runtime;
    const { environment, entry, concurrency } = spec;
    const startMs = Math.min(importLimit.most, importLimit.least + importLimit.times * Math.ceil(loadMs));
    known.state = 'starting';
    const gone = (reason: string): void => {
      if (known.pool !== pool) return; // it has been told, or is not wanted any more
      spec.onLine('stderr', `the zygote of this lambda alone is gone: ${reason}; sandboxes load the code themselves`, undefined);
      known.state = 'failed'; // for good: it would cost calls each time
      this.#retire(known);
    };
    const pool = new Pool({
      ...this.#shared,
      runtime: {
        ...runtime,
        program: {
          ...program,
          // As the leaves get it: not as the variables of the interpreter itself, of which some (LD_PRELOAD) decide what it is.
          environment: [...program.environment, `${ownSettings}=${JSON.stringify({ environment, entry, concurrency })}`],
          mounts: [...program.mounts, [spec.code.dir, '/handler']],
        },
      },
      standbys: { least: 0, most: 0 },
      own: {
        confined: { limits: spec.limits ?? this.#limits, startMs },
        onLine: (line) => spec.onLine('stderr', line, undefined),
        onServing: () => (known.state = 'serving'),
        onGone: gone,
      },
    });
    known.pool = pool;
    pool.start().catch(({ message }: Error) => gone(message));
  }

  #drop(key: string | undefined): void {
    const known = key === undefined ? undefined : this.#known.get(key);
    if (key === undefined || known === undefined) return;
    this.#known.delete(key);
    this.#retire(known);
  }

  #retire(known: Known): void {
    const { pool } = known;
    if (pool === undefined) return;
    known.pool = undefined;
    this.#retired.add(pool);
    void pool.retire().then(() => this.#retired.delete(pool));
  }

  #pools(): [string, Pool][] {
    return [...this.#known].flatMap(([key, { pool }]) => (pool === undefined ? [] : [[key, pool] as [string, Pool]]));
  }
}

function keyOf(lambda: string, code: Code): string {
  return `${lambda}/${code.digest}`;
}
