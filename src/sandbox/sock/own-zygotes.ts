// Zygotes of single lambdas: with their handler loaded, so that a burst of cold starts does not import it again and again.
import type { Runtime } from '../../runtime/runtime.ts';
import type { Code, SandboxSpec } from '../sandbox.ts';
import { deservesZygote } from '../zygote/promotion.ts';
import { Pool, type PoolOptions } from './pool.ts';

interface Known {
  readonly starts: number[];
  state: 'none' | 'starting' | 'serving' | 'failed';
  pool: Pool | undefined;
}

/** Starts that are remembered of one lambda, and lambdas that are remembered. */
const remembered = { starts: 4, lambdas: 1000 } as const;

export class OwnZygotes {
  readonly #shared: Omit<PoolOptions, 'runtime'>;
  readonly #most: number;
  /** By lambda and digest; those used last at the end. */
  readonly #known = new Map<string, Known>();
  readonly #closing = new Set<Pool>();

  /** `shared`: the pool that every lambda has; at most `most` zygotes at a time. */
  constructor(shared: Omit<PoolOptions, 'runtime'>, most: number) {
    this.#shared = shared;
    this.#most = most;
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

  memory(): ReturnType<Pool['memory']> {
    return [...this.#pools().map(([, pool]) => pool), ...this.#closing].flatMap((pool) => pool.memory());
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
      this.#make(known, runtime, spec);
    if (this.#known.size > remembered.lambdas) this.#drop([...this.#known].find(([, { pool }]) => pool === undefined)?.[0]);
  }

  forget(lambda: string, code: Code): void {
    this.#drop(keyOf(lambda, code));
  }

  async close(): Promise<void> {
    const pools = [...this.#pools().map(([, pool]) => pool), ...this.#closing];
    this.#known.clear();
    await Promise.all(pools.map((pool) => pool.close()));
  }

  #make(known: Known, runtime: Runtime, spec: SandboxSpec): void {
    const [oldest] = this.#pools();
    if (this.#pools().length >= this.#most && oldest !== undefined) this.#drop(oldest[0]);
    const { program } = runtime;
    known.state = 'starting';
    const pool = new Pool({
      ...this.#shared,
      runtime: {
        ...runtime,
        program: {
          argv: [...program.argv, '--handler', JSON.stringify(spec.entry)],
          environment: [...program.environment, ...Object.entries(spec.environment).map(([name, value]) => `${name}=${value}`)],
          mounts: [...program.mounts, [spec.code.dir, '/handler']],
        },
      },
      standbys: { least: 0, most: 0 },
      own: {
        onLine: (line) => spec.onLine('stderr', line, undefined),
        onServing: () => (known.state = 'serving'),
        onGone: () => {
          known.state = known.state === 'serving' ? 'none' : 'failed';
          known.pool = undefined;
        },
      },
    });
    known.pool = pool;
    pool.start().catch(() => {}); // onGone has been told, and the lambda's log has the reason
  }

  #drop(key: string | undefined): void {
    const pool = key === undefined ? undefined : this.#known.get(key)?.pool;
    if (key !== undefined) this.#known.delete(key);
    if (pool === undefined) return;
    this.#closing.add(pool);
    void pool.retire().then(() => this.#closing.delete(pool));
  }

  #pools(): [string, Pool][] {
    return [...this.#known].flatMap(([key, { pool }]) => (pool === undefined ? [] : [[key, pool] as [string, Pool]]));
  }
}

function keyOf(lambda: string, code: Code): string {
  return `${lambda}/${code.digest}`;
}
