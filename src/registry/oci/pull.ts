// Brings one image onto the node: its manifest for this platform, its configuration, and of its layers those that are not there, several at a time.
import { randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { LayerStore } from '../layers/layer-store.ts';
import type { LayerJob, UnpackedLayer } from '../layers/unpack-layer.ts';
import { type Digest, hexOf, verified } from './digest.ts';
import { type Descriptor, mostDocumentBytes } from './document.ts';
import { download } from './download.ts';
import { type Configured, parseImageConfig } from './image-config.ts';
import { ImageError, quoted } from './image-error.ts';
import { chosen, type Manifest, parseManifest } from './manifest.ts';
import type { Progress } from './progress.ts';
import type { ImageRecord } from './records.ts';
import type { Retrying } from './registry-source.ts';
import { retried } from './retry.ts';
import type { Slots } from './slots.ts';
import type { ImageSource } from './source.ts';
import { gathered } from './transport.ts';

/** Where unpacked layers are kept, by what their tar hashes to. */
export type Layers = Pick<LayerStore, 'has' | 'overlays' | 'retain' | 'release' | 'make'>;

/** When `cancelled` is aborted, it may end early. */
export type Unpack = (job: Omit<LayerJob, 'limits'>, cancelled: AbortSignal) => Promise<UnpackedLayer>;

export interface PullOptions {
  readonly source: ImageSource;
  /** What the source's name means. */
  readonly meant: Digest;
  /** Undefined where layers are none of this node's business, since an engine pulls them. */
  readonly layers: Layers | undefined;
  readonly unpack: Unpack;
  /** For blobs on their way. */
  readonly dir: string;
  /** Of all layers as they come. */
  readonly mostBytes: number;
  readonly slots: Slots;
  readonly retrying: Retrying;
  readonly progress: Progress;
  readonly signal: AbortSignal;
}

/** An index may be in an index. */
const deepest = 4;
const layerTypes = /^application\/vnd\.(oci\.image\.layer\.v1\.tar(\+gzip|\+zstd)?|docker\.image\.rootfs\.diff\.tar(\.gzip|\.zstd)?)$/;
const foreign = /nondistributable|foreign/;
/** A store that is too small for an image drops its layers as they come; other images that have a layer, too, may fail to get it. */
const mostTries = 10;

/** Its layers are retained, once. Rejects with ImageError, an error of the file system, or the signal's reason; then nothing is. */
export async function pull(options: PullOptions): Promise<ImageRecord> {
  const { source, meant, layers, signal } = options;
  const { digest, manifest } = await manifestFor(source, meant, signal);
  checkLayers(source.pinned(digest), manifest.layers, options.mostBytes);
  const { config, diffIds } = await configured(options, manifest);
  const blobs = new Map(diffIds.map((diffId, at) => [diffId, manifest.layers[at] as Descriptor]));
  if (layers !== undefined) await bringLayers(options, layers, blobs);
  return { name: source.name, meant, digest, reference: source.pinned(digest), diffIds: highest(diffIds), config };
}

/**
 * Where a layer comes twice, its upper one is what counts: it puts there what the lower one did, too, and overlay refuses a directory that is in two of
 * its layers.
 */
function highest(diffIds: readonly Digest[]): Digest[] {
  return diffIds.filter((diffId, at) => diffIds.indexOf(diffId, at + 1) === -1);
}

type ImageManifest = Extract<Manifest, { at: 'image' }>;

async function manifestFor(source: ImageSource, meant: Digest, signal: AbortSignal): Promise<{ digest: Digest; manifest: ImageManifest }> {
  let digest = meant;
  for (let depth = 0; depth < deepest; depth += 1) {
    const what = source.pinned(digest);
    const manifest = parseManifest(what, await source.manifest(digest, signal));
    if (manifest.at === 'image') return { digest, manifest };
    digest = chosen(what, manifest).digest;
  }
  throw new ImageError('invalid', `read ${source.pinned(meant)}: indexes in indexes, more than ${deepest} deep`);
}

/** Before anything of them is asked for. */
function checkLayers(what: string, layers: readonly Descriptor[], mostBytes: number): void {
  for (const { mediaType, digest } of layers) {
    if (layerTypes.test(mediaType)) continue;
    const why = foreign.test(mediaType) ? ', which its registry may not give away' : '';
    throw new ImageError('invalid', `read ${what}: its layer ${digest} is ${quoted(mediaType)}${why}`);
  }
  const bytes = layers.reduce((sum, { size }) => sum + size, 0);
  if (bytes > mostBytes)
    throw new ImageError('invalid', `read ${what}: its layers have ${bytes} bytes, more than the ${mostBytes} that image_store_mb allows`);
}

async function configured({ source, retrying, signal }: PullOptions, { config, layers }: ImageManifest): Promise<Configured> {
  const what = `the configuration ${config.digest} of ${source.name}`;
  if (config.size > mostDocumentBytes) throw new ImageError('invalid', `read ${what}: it has more than ${mostDocumentBytes} bytes`);
  const bytes = await retried({ ...retrying, signal }, async () =>
    gathered((await source.blob(config, 0, signal)).body, what, config.size),
  );
  return parseImageConfig(what, verified(what, config.digest, bytes), layers.length);
}

async function bringLayers(options: PullOptions, layers: Layers, blobs: ReadonlyMap<Digest, Descriptor>): Promise<void> {
  const failing = new AbortController();
  const signal = AbortSignal.any([options.signal, failing.signal]);
  const absent = [...blobs].filter(([diffId]) => !layers.has(diffId));
  options.progress.pulling(blobs.size, new Map(absent.map(([diffId, { size }]) => [diffId, size])));
  const outcomes = await Promise.all(
    [...blobs].map(async ([diffId, blob]) => {
      try {
        await bringLayer({ ...options, signal }, layers, diffId, blob);
        options.progress.unpacked(diffId);
        return diffId;
      } catch (error) {
        failing.abort(error); // the first one is what is told
        return undefined;
      }
    }),
  );
  if (!signal.aborted) return;
  for (const retained of outcomes) if (retained !== undefined) layers.release(retained);
  options.signal.throwIfAborted();
  throw failing.signal.reason;
}

/** Retained when it resolves. */
async function bringLayer(options: PullOptions, layers: Layers, diffId: Digest, blob: Descriptor): Promise<void> {
  const { source, slots, signal } = options;
  let problem: unknown = new ImageError(
    'unavailable',
    `pull ${source.name}: its layers do not fit into the store together with what runs (image_store_mb)`,
  );
  for (let tries = 0; tries < mostTries; tries += 1) {
    let mine = false;
    try {
      await layers.make(diffId, (into) => {
        mine = true;
        return slots.run(signal, () => fill(options, blob, { diffId, into }));
      });
    } catch (error) {
      if (mine || signal.aborted) throw error;
      problem = error; // of another image that has this layer, too; it may be from elsewhere, and must not spoil this one
    }
    if (!layers.has(diffId)) continue;
    layers.retain(diffId);
    return;
  }
  throw problem;
}

/**
 * The blob is gone when its layer is unpacked: nothing will ask for it again but a layer that was evicted for want of room, and it would double what an
 * image takes. So a blob has no name by which it could be found, either; a pull that is cut by the worker's end keeps the layers that were complete.
 */
async function fill(options: PullOptions, blob: Descriptor, { diffId, into }: { diffId: Digest; into: string }): Promise<void> {
  const { source, dir, unpack, progress, signal } = options;
  const path = join(dir, `tmp-${hexOf(blob.digest).slice(0, 16)}-${randomUUID()}`);
  try {
    await download({ ...options, blob, path, onBytes: (bytes) => progress.came(diffId, bytes) });
    const outcome = await unpack({ blob: path, diffId, into }, signal);
    signal.throwIfAborted();
    if (outcome.at === 'unpacked') return;
    const message = `unpack ${blob.digest} of ${source.name}: ${outcome.detail}`;
    throw new ImageError(outcome.at === 'failed' ? 'unavailable' : 'invalid', message);
  } finally {
    await rm(path, { force: true });
  }
}
