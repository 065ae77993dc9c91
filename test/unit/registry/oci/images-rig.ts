// The images of a node, with real stores and threads, gone when the test is.
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { layerLimits } from '../../../../src/registry/layers/layer-limits.ts';
import { LayerStore } from '../../../../src/registry/layers/layer-store.ts';
import { Images, type ImagesOptions } from '../../../../src/registry/oci/images.ts';
import { UnpackPool } from '../../../../src/registry/unpack-pool.ts';

export interface ImagesRig {
  readonly images: Images;
  readonly layers: LayerStore;
  /** Blobs and temporary directories that are there: what no pull may leave. */
  leftovers(): string[];
  /** As a worker's end and another's start. */
  again(): Promise<ImagesRig>;
  /** Of what uses the images. */
  beforeClose(close: () => Promise<void>): void;
}

export function imagesRig(t: TestContext, options: Partial<ImagesOptions> = {}): ImagesRig {
  const dir = mkdtempSync(join(tmpdir(), 'images-test-'));
  const closers: (() => Promise<void>)[] = [];
  t.after(async () => {
    for (const close of closers.reverse()) await close();
    rmSync(dir, { recursive: true, force: true });
  });
  return opened(dir, closers, options);
}

function opened(dir: string, closers: (() => Promise<void>)[], options: Partial<ImagesOptions>): ImagesRig {
  const pool = new UnpackPool({ threads: 2 });
  const layers = new LayerStore({ dir: join(dir, 'layers'), pool, bytes: 1 << 30 });
  const images = new Images({
    dir,
    layers,
    unpack: (job, cancelled) => pool.unpackLayer({ ...job, limits: layerLimits }, cancelled),
    mostBytes: 1 << 30,
    insecure: [],
    registryAuth: {},
    dockerConfig: join(dir, 'no-such-file'),
    retrying: { attempts: 3, firstMs: 1 },
    ...options,
  });
  const close = async (): Promise<void> => {
    await images.close();
    await layers.close();
    await pool.close();
  };
  closers.push(close);
  return {
    images,
    layers,
    leftovers: () => [
      ...readdirSync(join(dir, 'blobs')),
      ...readdirSync(join(dir, 'layers')).filter((name) => !/^[0-9a-f]{64}$/.test(name)),
    ],
    beforeClose: (first) => void closers.push(first),
    again: async () => {
      await close();
      return opened(dir, closers, options);
    },
  };
}

/** As `worker pull` does: the image is not retained. */
export const bring = (rig: ImagesRig, name: string) => rig.images.bring(name);
