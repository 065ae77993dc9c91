// Pulls an image for whoever asks: `worker pull` does, while a worker has the node's images.
import { setTimeout } from 'node:timers/promises';
import { WorkerError } from '../../errors.ts';
import type { Images } from '../../registry/oci/images.ts';
import type { PullProgress } from '../../registry/oci/progress.ts';
import type { Answerer } from './route.ts';

export type ImagePaths = Readonly<Record<'pull', Answerer>>;

/** So often it is told how far a pull is, ms. */
const everyMs = 100;

export function imagePaths(images: Pick<Images, 'bring'>): ImagePaths {
  return {
    pull: ({ query, gone }) => {
      const image = query.get('image');
      if (image === null) throw new WorkerError('query-invalid', { detail: 'image: expected the name of an image' });
      return { headers: [['content-type', 'application/x-ndjson']], body: pulled(images, image, gone) };
    },
  };
}

/** How far it is, a line now and then; the last one says `done` or `failed`. Who goes away does not want it any more. */
async function* pulled(images: Pick<Images, 'bring'>, image: string, gone: AbortSignal): AsyncGenerator<string> {
  const nothing = { done: 0, of: 0 };
  let now: PullProgress = { image, at: 'looking', layers: nothing, bytes: nothing };
  let told: PullProgress | undefined;
  const left = new AbortController();
  const signal = AbortSignal.any([gone, left.signal]);
  const work = images.bring(image, { signal, onProgress: (progress) => (now = progress) }).then(
    () => ({ at: 'done' as const }),
    (error: unknown) => ({ at: 'failed' as const, error: error instanceof Error ? error.message : String(error) }),
  );
  try {
    for (let end: Awaited<typeof work> | undefined; end === undefined; ) {
      end = await Promise.race([work, setTimeout(everyMs, undefined)]);
      if (end === undefined && now === told) continue;
      told = now;
      yield `${JSON.stringify({ ...now, ...end })}\n`;
    }
  } finally {
    left.abort();
    await work;
  }
}
