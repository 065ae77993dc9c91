import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openImages } from '../../../../src/registry/oci/open-images.ts';
import { UnpackPool } from '../../../../src/registry/unpack-pool.ts';
import { scratch } from '../rig.ts';
import { makeImage } from './made-image.ts';
import { makeLayout } from './made-layout.ts';

test('image_store_mb is the most that an image may have', async (t) => {
  const image = makeImage();
  const most = image.layers.reduce((sum, { length }) => sum + length, 0);
  const name = `oci:${makeLayout(t, { image })}`;
  const pool = new UnpackPool({ threads: 1 });
  t.after(() => pool.close());
  const bring = async (bytes: number): Promise<unknown> => {
    const config = { worker_dir: scratch(t), sandbox: 'sock', insecure_registries: [], image_store_mb: bytes / 2 ** 20 } as const;
    const opened = openImages(config, { pool });
    try {
      return await opened.images.bring(name);
    } finally {
      await opened.close();
    }
  };
  await assert.rejects(bring(most - 1), { at: 'invalid', message: new RegExp(`${most} .*bytes`) });
  await bring(most);
});
