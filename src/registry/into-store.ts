// A package that lies anywhere on this node, put into the store under the rules that every lambda's code is under.
import { WorkerError } from '../errors.ts';
import { defaultLimits, type PackageLimits } from './limits.ts';
import type { Store } from './store.ts';
import type { UnpackPool } from './unpack-pool.ts';
import type { Form } from './unpack-worker.ts';
import { stored, unstored } from './unstored.ts';

export interface IntoStoreOptions {
  readonly store: Store;
  readonly pool: UnpackPool;
  readonly limits?: PackageLimits | undefined;
}

/** Its digest, retained there. Rejects with code-invalid, store-failed, or registry-unavailable when it cannot be read. */
export async function intoStore(options: IntoStoreOptions, form: Form, path: string): Promise<string> {
  const { store, pool, limits = defaultLimits } = options;
  const temporary = stored(store.dir, () => store.temporary());
  const outcome = await pool.unpack({ form, path, temporary, known: undefined, store: store.dir, limits, now: Date.now() });
  if (outcome.at === 'unpacked') stored(store.dir, () => store.publish(outcome.dir, outcome.digest));
  else await store.discard(temporary);
  if (outcome.at === 'unstored') throw unstored(store.dir, outcome);
  if (outcome.at === 'refused' || outcome.at === 'exhausted') throw new WorkerError('code-invalid', { detail: outcome.detail });
  if (outcome.at !== 'unpacked' && outcome.at !== 'stored') {
    const cause = new Error(`unpack "${path}": ${outcome.at === 'failed' ? outcome.message : 'it was written to meanwhile'}`);
    throw new WorkerError('registry-unavailable', { cause });
  }
  if (!store.has(outcome.digest)) return intoStore(options, form, path); // removed since the thread saw it
  store.retain(outcome.digest);
  return outcome.digest;
}
