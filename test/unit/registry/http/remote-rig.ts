// A registry over HTTP with a store and a pool of its own, gone when the test is.
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { HttpRegistry, type HttpRegistryOptions, type Times } from '../../../../src/registry/http/http-registry.ts';
import { httpRemote } from '../../../../src/registry/http/remote.ts';
import type { Resolved } from '../../../../src/registry/registry.ts';
import { Store } from '../../../../src/registry/store.ts';
import { UnpackPool } from '../../../../src/registry/unpack-pool.ts';

export interface RemoteRig {
  readonly registry: HttpRegistry;
  readonly store: Store;
  readonly warnings: string[];
  /** What the next worker of the same directory has. */
  restarted(remote?: HttpRegistryOptions['remote']): Promise<RemoteRig>;
}

/** No waiting between attempts, no miss remembered; but as much patience as anybody needs. */
const quick: Partial<Times> = { firstMs: 1, mostMs: 1, missMs: 0, patienceMs: 60_000 };

export function remoteRig(
  t: TestContext,
  remote: HttpRegistryOptions['remote'] | string,
  { times, ...options }: Partial<Pick<HttpRegistryOptions, 'times' | 'limits' | 'ca'>> = {},
): RemoteRig {
  const base = mkdtempSync(join(tmpdir(), 'registry-test-'));
  const pool = new UnpackPool({ threads: 2 });
  let close = async (): Promise<void> => {};
  const open = (from: HttpRegistryOptions['remote']): RemoteRig => {
    const store = new Store({ dir: join(base, 'store'), pool });
    const warnings: string[] = [];
    const warn = (text: string): void => void warnings.push(text);
    const registry = new HttpRegistry({ remote: from, store, pool, times: { ...quick, ...times }, warn, ...options });
    close = async () => {
      await registry.close();
      await store.close();
    };
    const restarted = async (next = from): Promise<RemoteRig> => {
      await close();
      return open(next);
    };
    return { registry, store, warnings, restarted };
  };
  t.after(async () => {
    await close();
    await pool.close();
    rmSync(base, { recursive: true, force: true });
  });
  return open(typeof remote === 'string' ? httpRemote(remote) : remote);
}

export const content = (resolved: Resolved): string => readFileSync(join(resolved.dir, 'f.py'), 'utf8');

/** What is in the store that is no code and should not stay. */
export async function leftovers(store: Store): Promise<string[]> {
  await store.settled();
  return readdirSync(store.dir).filter((name) => name.startsWith('tmp-'));
}
