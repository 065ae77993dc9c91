// Unpacks one layer of an image. Runs in the threads of the unpack pool.
import { createHash } from 'node:crypto';
import { closeSync, readSync } from 'node:fs';
import { type Compression, readArchive } from '../archive-stream.ts';
import { openFile } from '../open-file.ts';
import { quoted, Refusal } from '../refusal.ts';
import type { LayerLimits } from './layer-limits.ts';
import { addLayerMember } from './layer-member.ts';
import { LayerWriter } from './layer-writer.ts';

/** Plain data: crosses threads. */
export interface LayerJob {
  /** Path of the blob, as it came. Nobody writes to it. */
  readonly blob: string;
  /** `sha256:…` of the tar in it. */
  readonly diffId: string;
  /** An empty directory that nobody else writes to. What is in it afterwards counts only if the layer was unpacked: see layer-directory.ts. */
  readonly into: string;
  readonly limits: LayerLimits;
}

/** Plain data: crosses threads. `detail` is for the caller if the layer is at fault, else for the log. */
export type UnpackedLayer =
  | { readonly at: 'unpacked'; readonly bytes: number; readonly entries: number }
  | { readonly at: 'refused'; readonly detail: string }
  /** It took more time or memory than a thread has for one layer. */
  | { readonly at: 'exhausted'; readonly detail: string }
  /** This node's fault, or cancelled. */
  | { readonly at: 'failed'; readonly detail: string };

export async function unpackLayer(job: LayerJob): Promise<UnpackedLayer> {
  try {
    const writer = new LayerWriter(job.into, job.limits);
    try {
      await copy(job, writer);
      writer.finish();
    } finally {
      writer.close();
    }
    return { at: 'unpacked', bytes: writer.bytes, entries: writer.entries };
  } catch (error) {
    if (error instanceof Refusal) return { at: 'refused', detail: error.message };
    return {
      at: 'failed',
      detail: `unpack "${job.blob}": ${error instanceof Error && error.message !== '' ? error.message : 'it is no file'}`,
    };
  }
}

async function copy({ blob, diffId, limits }: LayerJob, writer: LayerWriter): Promise<void> {
  const { fd, stat } = openFile(blob);
  const hash = createHash('sha256');
  try {
    await readArchive({
      fd,
      size: Number(stat.size),
      compression: compressionOf(fd),
      limits,
      unpacked: hash,
      writer: {
        add: (header) => addLayerMember(header, writer, limits),
        write: (chunk) => writer.write(chunk),
        endFile: () => writer.endFile(),
      },
    });
  } finally {
    closeSync(fd);
  }
  const got = `sha256:${hash.digest('hex')}`;
  if (got !== diffId) throw new Refusal(`the digest of its tar is ${got}, not ${quoted(diffId)}`);
}

/** By its first bytes: what media types say of it is often wrong. */
function compressionOf(fd: number): Compression {
  const magic = Buffer.alloc(4);
  readSync(fd, magic, 0, magic.length, 0);
  if (magic.readUInt16BE() === 0x1f8b) return 'gzip';
  const number = magic.readUInt32LE();
  return number === 0xfd2fb528 || (number & 0xffff_fff0) >>> 0 === 0x184d2a50 ? 'zstd' : 'none';
}
