// The code on a node while no worker runs there: opened by a command, under the lock of the worker_dir.
import { join } from 'node:path';
import type { Config } from '../config/load.ts';
import { WorkerError } from '../errors.ts';
import { type OpenRegistry, type OpenRegistryOptions, openRegistry } from '../registry/registries.ts';
import { Store } from '../registry/store.ts';
import { UnpackPool } from '../registry/unpack-pool.ts';
import { because, codeOf, Failure, say } from './failure.ts';
import { locked } from './lock.ts';

export interface OpenStore {
  readonly registry: OpenRegistry;
  readonly store: Store;
  readonly pool: UnpackPool;
}

/** `attempt`: what is done, for messages. */
export async function withStore<T>(config: Config, attempt: string, work: (open: OpenStore) => Promise<T>): Promise<T> {
  const { unlock } = locked({ lock: join(config.worker_dir, 'lock') }, attempt);
  const pool = new UnpackPool();
  try {
    const store = new Store({ dir: join(config.worker_dir, 'store'), pool });
    try {
      const registry = opened(config, { store, pool, warn: say, patienceMs: Number.POSITIVE_INFINITY }, attempt);
      try {
        return await work({ registry, store, pool });
      } finally {
        await registry.close();
      }
    } finally {
      await store.close();
    }
  } catch (cause) {
    if (!(cause instanceof Error) || codeOf(cause) === undefined) throw cause; // a WorkerError has a code, and so have system errors
    const below =
      cause instanceof WorkerError && cause.detail === undefined && cause.cause !== undefined ? ` (${because(cause.cause)})` : '';
    throw new Failure(`${attempt}: ${cause.message}${below}`, { cause });
  } finally {
    await pool.close();
    unlock();
  }
}

function opened(config: Config, options: OpenRegistryOptions, attempt: string): OpenRegistry {
  try {
    return openRegistry(config, options);
  } catch (cause) {
    throw new Failure(`${attempt}: ${because(cause)}`, { cause });
  }
}
