// What an image's configuration says: how to start what is in it, and what its layers unpack to.
import { z } from 'zod';
import type { ImageConfig } from '../../sandbox/sandbox.ts';
import type { Digest } from './digest.ts';
import { digest, parsed, word } from './document.ts';
import { ImageError } from './image-error.ts';
import { fitness, platformText, thisPlatform } from './platform.ts';

export interface Configured {
  readonly config: ImageConfig;
  /** Of the layers' tars, lowest first. */
  readonly diffIds: readonly Digest[];
}

const words = z.array(word).nullish();
const file = z.object({
  os: z.string(),
  architecture: z.string(),
  variant: z.string().optional(),
  config: z.object({ Env: words, Entrypoint: words, Cmd: words, WorkingDir: word.nullish(), User: word.nullish() }).nullish(),
  rootfs: z.object({ type: z.literal('layers'), diff_ids: z.array(digest).nullable() }),
});

/** Throws ImageError `invalid`. */
export function parseImageConfig(what: string, bytes: Buffer, layers: number): Configured {
  const { config, rootfs, ...platform } = parsed(what, file, bytes);
  const diffIds = rootfs.diff_ids ?? [];
  if (fitness(platform) === 0)
    throw new ImageError(
      'invalid',
      `read ${what}: the image is for ${platformText(platform).slice(0, 100)}, this node is ${platformText(thisPlatform)}`,
    );
  if (diffIds.length !== layers) throw new ImageError('invalid', `read ${what}: it names ${diffIds.length} layers, the manifest ${layers}`);
  return {
    diffIds,
    config: {
      environment: (config?.Env ?? []).filter((entry) => entry.indexOf('=') > 0), // engines ignore a name without a value, too
      workingDir: config?.WorkingDir ?? '',
      entrypoint: config?.Entrypoint ?? [],
      command: config?.Cmd ?? [],
      user: config?.User ?? '',
    },
  };
}
