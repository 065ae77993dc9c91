// Where an image can come from: a registry, a directory in OCI layout, a `docker save` archive. pull.ts takes it from there, and checks all that it gets.
import type { Digest } from './digest.ts';
import type { Descriptor } from './document.ts';

export interface ImageSource {
  /** What the image is called, in full; for messages, and for what is remembered of it. */
  readonly name: string;
  /** The same image, whatever the name will mean later. */
  pinned(digest: Digest): string;
  /** What the name means now: the digest of a manifest or an index. `attempts`: if it matters more to hear at once that it cannot be had. */
  digest(signal: AbortSignal, attempts?: number): Promise<Digest>;
  /** Verified. */
  manifest(digest: Digest, signal: AbortSignal): Promise<Buffer>;
  /** Not verified. From byte `from` on, or from the start where that cannot be had. */
  blob(blob: Descriptor, from: number, signal: AbortSignal): Promise<Blob>;
  /** Gives back what it holds. */
  close(): Promise<void>;
}

export interface Blob {
  readonly from: number;
  /** Read to its end, or left early, which closes it. Throws Transient when it was cut. */
  readonly body: AsyncIterable<Uint8Array>;
}
