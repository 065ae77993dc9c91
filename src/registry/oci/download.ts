// Brings a blob into a file: goes on where a connection was cut, and believes nothing but its digest and size.
import { createHash } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import { within } from './deadline.ts';
import type { Descriptor } from './document.ts';
import { ImageError, Transient } from './image-error.ts';
import type { Retrying } from './registry-source.ts';
import { retried } from './retry.ts';
import type { ImageSource } from './source.ts';

export interface DownloadOptions {
  readonly source: Pick<ImageSource, 'name' | 'blob'>;
  readonly blob: Descriptor;
  /** Must not be there; whoever gave it removes it, whatever becomes of the download. */
  readonly path: string;
  readonly retrying: Retrying;
  readonly signal: AbortSignal;
  /** So many more are there; fewer than 0 when they have to come again. */
  onBytes(count: number): void;
}

/** A slower sender is taken for one that draws it out. */
const leastBytesPerSecond = 64 << 10;
const graceMs = 60_000;

/** Rejects with an ImageError, an error of the file system, or the signal's reason. */
export async function download({ source, blob, path, retrying, signal, onBytes }: DownloadOptions): Promise<void> {
  const what = `get ${blob.digest} of ${source.name}`;
  const ms = graceMs + (blob.size / leastBytesPerSecond) * 1000;
  const file = await open(path, 'wx', 0o600);
  try {
    const partial = new Partial(file, { what, blob, onBytes });
    await retried({ ...retrying, signal }, () =>
      within({ what, ms, signal }, async (signal) => {
        const { from, body } = await source.blob(blob, partial.bytes, signal);
        if (from !== partial.bytes) await partial.startOver();
        for await (const chunk of body) await partial.add(chunk);
        partial.checkWhole();
      }),
    );
    partial.checkDigest();
  } finally {
    await file.close();
  }
}

/** What is there of a blob. */
class Partial {
  readonly #file: FileHandle;
  readonly #options: Pick<DownloadOptions, 'blob' | 'onBytes'> & { readonly what: string };
  #hash = createHash('sha256');
  #bytes = 0;

  constructor(file: FileHandle, options: Pick<DownloadOptions, 'blob' | 'onBytes'> & { readonly what: string }) {
    this.#file = file;
    this.#options = options;
  }

  get bytes(): number {
    return this.#bytes;
  }

  async startOver(): Promise<void> {
    await this.#file.truncate(0);
    this.#options.onBytes(-this.#bytes);
    this.#bytes = 0;
    this.#hash = createHash('sha256');
  }

  async add(chunk: Uint8Array): Promise<void> {
    const { blob, what, onBytes } = this.#options;
    if (this.#bytes + chunk.length > blob.size) throw new ImageError('unavailable', `${what}: more than its ${blob.size} bytes come`);
    this.#hash.update(chunk);
    for (let written = 0; written < chunk.length; ) {
      const { bytesWritten } = await this.#file.write(chunk, written, chunk.length - written, this.#bytes + written);
      written += bytesWritten;
    }
    this.#bytes += chunk.length;
    onBytes(chunk.length);
  }

  checkWhole(): void {
    const { blob, what } = this.#options;
    if (this.#bytes < blob.size) throw new Transient(`${what}: ${this.#bytes} of its ${blob.size} bytes came`);
  }

  checkDigest(): void {
    const { blob, what } = this.#options;
    const got = `sha256:${this.#hash.digest('hex')}`;
    if (got !== blob.digest) throw new ImageError('unavailable', `${what}: what came has the digest ${got}`);
  }
}
