// What one layer of an image may be at most.
import type { ArchiveLimits } from '../limits.ts';

export interface LayerLimits extends ArchiveLimits {
  /** A big blob may take longer: one more of its milliseconds (`ms`) for each so many bytes. */
  readonly bytesPerMs: number;
}

export const layerLimits: LayerLimits = {
  bytes: 16 * 2 ** 30,
  entries: 1_000_000,
  depth: 128,
  pathBytes: 3072,
  ratio: 200,
  ratioFreeBytes: 256 << 20,
  ms: 60_000,
  bytesPerMs: 2_000,
};
