// What an image consists of (a manifest), or which images there are under one name, a platform each (an index).
import { z } from 'zod';
import { type Descriptor, descriptor, parsed } from './document.ts';
import { ImageError, quoted } from './image-error.ts';
import { fitness, type Platform, platformText, thisPlatform } from './platform.ts';

/** In the order in which they are asked for; all that others write today. */
export const manifestTypes = [
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.v2+json',
] as const;

export const configTypes = ['application/vnd.oci.image.config.v1+json', 'application/vnd.docker.container.image.v1+json'] as const;

/** Overlay takes 500 layers, and engines make at most 127. */
const mostLayers = 128;
const mostManifests = 1000;

const platform = z.object({ os: z.string(), architecture: z.string(), variant: z.string().optional() });
const index = z.object({
  manifests: z
    .array(descriptor.extend({ platform: platform.nullish(), annotations: z.record(z.string(), z.string()).nullish() }))
    .max(mostManifests),
});
const image = z.object({ config: descriptor, layers: z.array(descriptor).max(mostLayers, `expected at most ${mostLayers} layers`) });
const head = z.object({
  schemaVersion: z.literal(2, 'expected 2 (what older engines made can be pulled and pushed again with a current one)'),
  mediaType: z.string().optional(),
  manifests: z.unknown().optional(),
  layers: z.unknown().optional(),
  fsLayers: z.unknown().optional(),
});

export type Index = { readonly at: 'index'; readonly manifests: Readonly<z.output<typeof index>['manifests']> };
export type Manifest = Index | { readonly at: 'image'; readonly config: Descriptor; readonly layers: readonly Descriptor[] };

/**
 * The content decides which of the two it is, never what a server says of it; what could be taken for either is refused, since another program would see
 * another image under the same digest (CVE-2021-41190). Throws ImageError `invalid`.
 */
export function parseManifest(what: string, bytes: Buffer): Manifest {
  const { mediaType, manifests, layers, fsLayers } = parsed(what, head, bytes);
  const isIndex = manifests !== undefined;
  const isKnown =
    mediaType === undefined || (isIndex ? manifestTypes.slice(0, 2) : manifestTypes.slice(2)).some((type) => type === mediaType);
  if (isIndex === (layers !== undefined) || fsLayers !== undefined || !isKnown)
    throw new ImageError(
      'invalid',
      `read ${what}: it is neither an image's manifest nor an index of them (mediaType ${quoted(mediaType ?? '')})`,
    );
  if (isIndex) return { at: 'index', ...parsed(what, index, bytes) };
  const found = parsed(what, image, bytes);
  if (!configTypes.some((type) => type === found.config.mediaType))
    throw new ImageError('invalid', `read ${what}: it is no container image, its configuration is ${quoted(found.config.mediaType)}`);
  return { at: 'image', ...found };
}

/** The one for this node. An entry that names no platform is taken where it is the only one. Throws ImageError `invalid`. */
export function chosen(what: string, { manifests }: Index, here: Platform = thisPlatform): Descriptor {
  const known = manifests.filter(({ mediaType }) => manifestTypes.some((type) => type === mediaType));
  const [only] = known;
  if (known.length === 1 && only !== undefined && (only.platform ?? undefined) === undefined) return only;
  let best: { readonly entry: Descriptor; readonly fit: number } | undefined;
  for (const entry of known) {
    const fit = entry.platform ? fitness(entry.platform, here) : 0;
    if (fit > (best?.fit ?? 0)) best = { entry, fit };
  }
  if (best !== undefined) return best.entry;
  const others = known.slice(0, 10).map((entry) => (entry.platform ? platformText(entry.platform) : 'no platform'));
  throw new ImageError('invalid', `read ${what}: it has no image for ${platformText(here)}, only for ${quoted(others.join(', '))}`);
}
