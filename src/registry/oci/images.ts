// The images of this node: pulls them, remembers them, and says which of their layers may not go. Owned by one worker (or command) at a time.
import { randomUUID } from 'node:crypto';
import { mkdirSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Image } from '../../sandbox/sandbox.ts';
import type { RegistryAuth } from '../http/remote.ts';
import { ArchiveSource } from './archive-source.ts';
import { type CredentialOptions, defaultDockerConfig } from './credentials.ts';
import type { Digest } from './digest.ts';
import { ImageError, quoted } from './image-error.ts';
import { LayoutSource } from './layout-source.ts';
import { type OnProgress, Progress, type PullProgress } from './progress.ts';
import { type Layers, pull, type Unpack } from './pull.ts';
import { type ImageRecord, ImageRecords } from './records.ts';
import { parseReference } from './reference.ts';
import { RegistryHost } from './registry-host.ts';
import { RegistrySource, type Retrying } from './registry-source.ts';
import { Slots } from './slots.ts';
import type { ImageSource } from './source.ts';
import { Transport, type TransportOptions } from './transport.ts';

export interface ImagesOptions extends TransportOptions {
  /** Made if it is missing. */
  readonly dir: string;
  /** Undefined where an engine has the layers: then an image is its manifest and its configuration. */
  readonly layers: Layers | undefined;
  readonly unpack: Unpack;
  /** Of the layers of one image as they come. */
  readonly mostBytes: number;
  readonly registryAuth: RegistryAuth;
  readonly dockerConfig?: string;
  readonly retrying?: Retrying;
  readonly onProgress?: OnProgress;
}

export interface PullRequest {
  readonly signal?: AbortSignal;
  readonly onProgress?: OnProgress;
  /** What the source's name means, if that is known. */
  readonly meant?: Digest;
}

const layersAtATime = 4;
const defaultRetrying: Retrying = { attempts: 5, firstMs: 250 };

export class Images {
  readonly #options: ImagesOptions;
  readonly #records: ImageRecords;
  readonly #transport: Transport;
  readonly #credentials: CredentialOptions;
  readonly #retrying: Retrying;
  readonly #hosts = new Map<string, RegistryHost>();
  readonly #slots = new Slots(layersAtATime);
  readonly #underWay = new Map<Progress, Promise<unknown>>();
  readonly #closing = new AbortController();

  /** Removes what an earlier run left on its way. */
  constructor(options: ImagesOptions) {
    const { dir, registryAuth, dockerConfig = defaultDockerConfig(), retrying = defaultRetrying } = options;
    this.#options = options;
    rmSync(this.#blobs, { recursive: true, force: true });
    mkdirSync(this.#blobs, { recursive: true, mode: 0o700 });
    this.#records = new ImageRecords(join(dir, 'names'));
    this.#transport = new Transport(options);
    this.#credentials = { registryAuth, dockerConfig };
    this.#retrying = retrying;
  }

  /**
   * Where an image comes from: `[host[:port]/]repository[:tag][@digest]`, with or without `oci://` before it, `oci:DIRECTORY[:tag]` in OCI layout,
   * `docker-archive:FILE[:name:tag]` as `docker save` writes it. Throws ImageError. Whoever asks for it closes it.
   */
  source(text: string): ImageSource {
    const [, kind, path = '', name] = /^(oci|docker-archive):(?!\/\/)([^:]*)(?::(.*))?$/s.exec(text) ?? [];
    if (kind === undefined) return this.#fromRegistry(text);
    if (path === '') throw new ImageError('invalid', `read the image name ${quoted(text)}: a path comes after "${kind}:"`);
    if (kind === 'oci') return new LayoutSource(resolve(path), name);
    const into = join(this.#blobs, `tmp-${randomUUID()}`);
    return new ArchiveSource({ path: resolve(path), reference: name, into, mostBytes: this.#options.mostBytes });
  }

  /** The image, all of it on this node, its layers retained: release() them. Rejects with ImageError, or the signal's reason. */
  async pull(source: ImageSource, request: PullRequest = {}): Promise<ImageRecord> {
    const signal = AbortSignal.any([this.#closing.signal, ...(request.signal === undefined ? [] : [request.signal])]);
    const progress = new Progress(source.name, (now, step) => {
      this.#options.onProgress?.(now, step);
      request.onProgress?.(now, step);
    });
    const work = this.#pull(source, { ...request, signal }, progress);
    this.#underWay.set(progress, work);
    try {
      return await work;
    } finally {
      this.#underWay.delete(progress);
    }
  }

  /** Sees to it that an image is on this node. It may go again for want of room. Rejects as pull(). */
  async bring(text: string, request: PullRequest = {}): Promise<ImageRecord> {
    if (this.#options.layers === undefined)
      throw new ImageError(
        'invalid',
        `pull ${quoted(text)}: the images of this worker are its Docker engine's (docker pull has it bring one)`,
      );
    const source = this.source(text);
    try {
      const record = await this.pull(source, request);
      this.release(record);
      return record;
    } finally {
      await source.close();
    }
  }

  /** What is remembered of an image whose layers are all here; retained as by pull(). */
  here(name: string): ImageRecord | undefined {
    const { layers } = this.#options;
    const record = this.#records.get(name);
    if (record === undefined || (layers !== undefined && !record.diffIds.every((diffId) => layers.has(diffId)))) return undefined;
    this.retain(record);
    return record;
  }

  forget(name: string): void {
    this.#records.delete(name);
  }

  /** As a backend takes it. Its layers must be retained. */
  image({ reference, diffIds, config }: ImageRecord): Image {
    const { layers } = this.#options;
    return { reference, config, layers: layers === undefined ? [] : diffIds.flatMap((diffId) => layers.overlays(diffId)) };
  }

  retain({ diffIds }: Pick<ImageRecord, 'diffIds'>): void {
    for (const diffId of diffIds) this.#options.layers?.retain(diffId);
  }

  release({ diffIds }: Pick<ImageRecord, 'diffIds'>): void {
    for (const diffId of diffIds) this.#options.layers?.release(diffId);
  }

  /** Of pulls that are under way. */
  underWay(): readonly PullProgress[] {
    return [...this.#underWay.keys()].map(({ now }) => now);
  }

  /** Pulls that are under way end; those who wait for them are told so. Before the layers. */
  async close(): Promise<void> {
    this.#closing.abort(new ImageError('unavailable', 'pull an image: the worker is stopping'));
    await Promise.allSettled(this.#underWay.values());
    await this.#transport.close();
  }

  get #blobs(): string {
    return join(this.#options.dir, 'blobs');
  }

  #fromRegistry(text: string): ImageSource {
    const reference = parseReference(text.replace(/^(oci|docker):\/\//, ''));
    const { host } = reference;
    const known = this.#hosts.get(host) ?? new RegistryHost({ host, transport: this.#transport, credentials: this.#credentials });
    this.#hosts.set(host, known);
    return new RegistrySource(reference, known, this.#retrying);
  }

  async #pull(source: ImageSource, { signal, meant }: PullRequest & { signal: AbortSignal }, progress: Progress): Promise<ImageRecord> {
    try {
      progress.looking();
      const found = meant ?? (await source.digest(signal));
      const here = this.here(source.name);
      if (here?.meant === found) {
        progress.pulling(here.diffIds.length, new Map());
        progress.ended(undefined);
        return here;
      }
      if (here !== undefined) this.release(here);
      const record = await pull({
        ...this.#options,
        source,
        meant: found,
        dir: this.#blobs,
        slots: this.#slots,
        retrying: this.#retrying,
        progress,
        signal,
      });
      this.#records.put(record);
      progress.ended(undefined);
      return record;
    } catch (cause) {
      const error =
        signal.aborted || cause instanceof ImageError
          ? cause
          : new ImageError('unavailable', `pull ${source.name}: ${because(cause)}`, cause);
      progress.ended(error);
      throw error;
    }
  }
}

/** What goes wrong beside the image is this node's fault, as a rule a full disk. */
function because(cause: unknown): string {
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
  if (code === 'ENOSPC' || code === 'EDQUOT') return 'this node has no space left for it';
  return cause instanceof Error ? cause.message : String(cause);
}
