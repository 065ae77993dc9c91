// A registry with a store and a pool of its own, gone when the test is.
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { TestContext } from 'node:test';
import { defaultLimits, type PackageLimits } from '../../../src/registry/limits.ts';
import { DirectoryRegistry } from '../../../src/registry/registry.ts';
import { Store } from '../../../src/registry/store.ts';
import { UnpackPool } from '../../../src/registry/unpack-pool.ts';

export interface Rig {
  /** The registry's directory. */
  readonly dir: string;
  /** The directory above all others of this rig. */
  readonly base: string;
  readonly store: Store;
  readonly pool: UnpackPool;
  readonly registry: DirectoryRegistry;
  /** Until this the registry takes everything in the file system as just written, from then on as written long ago. */
  age(): void;
}

export function rig(t: TestContext, limits: Partial<PackageLimits> = {}): Rig {
  const base = mkdtempSync(join(tmpdir(), 'registry-test-'));
  const dir = join(base, 'registry');
  mkdirSync(dir);
  const pool = new UnpackPool({ threads: 2 });
  const store = new Store({ dir: join(base, 'store'), pool });
  t.after(async () => {
    await store.close();
    await pool.close();
    rmSync(base, { recursive: true, force: true });
  });
  let time = 0;
  const registry = new DirectoryRegistry({ dir, store, pool, limits: { ...defaultLimits, ...limits }, now: () => time });
  const age = () => {
    time = Number.MAX_SAFE_INTEGER;
  };
  return { dir, base, store, pool, registry, age };
}

export function scratch(t: TestContext): string {
  const dir = mkdtempSync(join(tmpdir(), 'registry-test-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

/** Writes files, their directories too. */
export function write(dir: string, files: Readonly<Record<string, string | Uint8Array>>): void {
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(dir, path)), { recursive: true });
    writeFileSync(join(dir, path), content);
  }
}

/** Everything in the store that is not a name: digests and temporary directories. */
export function stored(store: Store): string[] {
  return readdirSync(store.dir).filter((name) => name !== 'names');
}
