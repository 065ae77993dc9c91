// Layers made by hand, unpacked by a pool of its own; gone when the test is.
import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { gzipSync } from 'node:zlib';
import { treeOf } from '../../../../src/registry/layers/layer-directory.ts';
import { type LayerLimits, layerLimits } from '../../../../src/registry/layers/layer-limits.ts';
import { LayerStore } from '../../../../src/registry/layers/layer-store.ts';
import type { LayerJob, UnpackedLayer } from '../../../../src/registry/layers/unpack-layer.ts';
import { UnpackPool } from '../../../../src/registry/unpack-pool.ts';
import { type Member, tar } from '../archives.ts';
import { scratch } from '../rig.ts';

export interface Blob {
  readonly bytes: Uint8Array;
  /** `sha256:…` of the tar. */
  readonly diffId: string;
}

export function sha256(bytes: Uint8Array): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

/** A layer as it comes from a registry: gzip of the tar. */
export function layer(...members: readonly Member[]): Blob {
  const bytes = tar(members);
  return { bytes: gzipSync(bytes), diffId: sha256(bytes) };
}

export interface LayerRig {
  readonly base: string;
  readonly pool: UnpackPool;
  /** Unpacks into a directory of its own. */
  unpack(
    blob: Blob,
    job?: Partial<LayerJob>,
    cancelled?: AbortSignal,
  ): Promise<UnpackedLayer & { readonly layer: string; readonly tree: string }>;
  /** A store, in the same place each time. */
  store(bytes?: number): LayerStore;
  /** What makes the layer in a store; rejects with what unpacking says. */
  fill(blob: Blob): (into: string) => Promise<void>;
}

export function layerRig(t: TestContext, limits: Partial<LayerLimits> = {}): LayerRig {
  const base = scratch(t);
  const pool = new UnpackPool({ threads: 2 });
  const stores: LayerStore[] = [];
  t.after(async () => {
    for (const store of stores) await store.close();
    await pool.close();
  });
  let count = 0;
  const jobOf = ({ bytes, diffId }: Blob, into: string): LayerJob => {
    const blob = join(base, `blob-${count}`);
    writeFileSync(blob, bytes);
    return { blob, diffId, into, limits: { ...layerLimits, ...limits } };
  };
  return {
    base,
    pool,
    async unpack(blob, job, cancelled) {
      count += 1;
      const into = join(base, `layer-${count}`);
      mkdirSync(into);
      return { ...(await pool.unpackLayer({ ...jobOf(blob, into), ...job }, cancelled)), layer: into, tree: treeOf(into) };
    },
    store(bytes = Number.MAX_SAFE_INTEGER) {
      const store = new LayerStore({ dir: join(base, 'layers'), pool, bytes });
      stores.push(store);
      return store;
    },
    fill: (blob) => async (into) => {
      const outcome = await pool.unpackLayer(jobOf(blob, into));
      if (outcome.at !== 'unpacked') throw new Error(`${outcome.at}: ${outcome.detail}`);
    },
  };
}
