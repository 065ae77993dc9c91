// A tar archive, compressed or not, read in one pass: hashed, measured and unpacked as it goes by. Runs in the threads of the unpack pool:
// decompression is asynchronous, what the writer does is not.
import type { Hash } from 'node:crypto';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { type Extract, extract, type Header } from 'tar-stream';
import type { ArchiveLimits } from './limits.ts';
import { chunksOf } from './open-file.ts';
import { Refusal } from './refusal.ts';
import { zstdDecoder } from './zstd.ts';

export type Compression = 'gzip' | 'zstd' | 'none';

export interface MemberWriter {
  /** Writes the member, or begins it: after 'begun' its body goes to write(), then endFile(). */
  add(header: Header): 'complete' | 'begun';
  write(chunk: Uint8Array): void;
  endFile(): void;
}

export interface ArchiveStream {
  readonly fd: number;
  /** Bytes of the file. */
  readonly size: number;
  readonly compression: Compression;
  readonly limits: ArchiveLimits;
  /** Gets all bytes of the file. */
  readonly packed?: Hash;
  /** Gets all bytes of the tar. */
  readonly unpacked?: Hash;
  readonly writer: MemberWriter;
}

/** An option that tar-stream's types do not have: v7 archives have no magic, their checksum is looked at all the same. */
const formats: Parameters<typeof extract>[0] & { readonly allowUnknownFormat: boolean } = { allowUnknownFormat: true };

/** Rejects with Refusal where the archive is at fault. */
export async function readArchive({ fd, size, compression, limits, packed, unpacked, writer }: ArchiveStream): Promise<void> {
  const gunzip = compression === 'gzip' ? createGunzip({ chunkSize: 1 << 18 }) : undefined;
  const decoder = gunzip ?? (compression === 'zstd' ? zstdDecoder() : (chunks: AsyncIterable<Buffer>) => chunks);
  const stoppedEarly = () => gunzip !== undefined && gunzip.bytesWritten < size;
  try {
    await pipeline(
      () => fed(chunksOf(fd), packed),
      decoder,
      (chunks: AsyncIterable<Buffer>) => metered(chunks, size, limits, unpacked),
      members(writer),
    );
  } catch (error) {
    if (stoppedEarly() && isAbort(error)) throw trailing();
    throw asRefusal(error, compression);
  }
  if (stoppedEarly()) throw trailing();
}

/** Writes each member as it comes. Nothing may throw out of an event handler: it would end the thread. */
function members(writer: MemberWriter): Extract {
  const tar = extract(formats);
  const guarded = (step: () => void) => {
    try {
      step();
    } catch (error) {
      tar.destroy(error instanceof Error ? error : new Error(String(error)));
    }
  };
  tar.on('entry', (header, body, next) => {
    body.on('error', () => undefined); // tar's own error again, which the pipeline tells
    guarded(() => {
      if (writer.add(header) === 'complete') {
        body.resume();
        next();
        return;
      }
      body.on('data', (chunk) => guarded(() => writer.write(bytesOf(chunk))));
      body.on('end', () =>
        guarded(() => {
          writer.endFile();
          next();
        }),
      );
    });
  });
  return tar;
}

function bytesOf(chunk: unknown): Uint8Array {
  if (chunk instanceof Uint8Array) return chunk;
  throw new Error('read a tar archive: tar-stream gave something that is no buffer');
}

async function* fed(chunks: Iterable<Buffer>, hash?: Hash): AsyncGenerator<Buffer> {
  for (const chunk of chunks) {
    hash?.update(chunk);
    yield chunk;
  }
}

async function* metered(chunks: AsyncIterable<Buffer>, size: number, limits: ArchiveLimits, hash?: Hash): AsyncGenerator<Buffer> {
  const most = Math.max(limits.ratioFreeBytes, limits.ratio * size);
  let bytes = 0;
  for await (const chunk of chunks) {
    bytes += chunk.length;
    if (bytes > limits.bytes) throw new Refusal(`it has more than ${limits.bytes} bytes`);
    if (bytes > most) throw new Refusal(`it unpacks to more than ${limits.ratio} times its size`);
    hash?.update(chunk);
    yield chunk;
  }
}

/** gunzip stops reading behind its last member, which ends the pipeline early; nothing else aborts it. */
function isAbort(error: unknown): boolean {
  return error instanceof Error && error.name === 'AbortError';
}

function trailing(): Refusal {
  return new Refusal('it has bytes behind the end of its gzip data');
}

/** Errors of the file system as they are; the others come from zlib and tar-stream and are the archive's fault. */
function asRefusal(error: unknown, compression: Compression): unknown {
  if (!(error instanceof Error) || error instanceof Refusal || 'syscall' in error) return error;
  const code = 'code' in error ? String(error.code) : '';
  return new Refusal(`it is no intact ${code.startsWith('Z') ? compression : 'tar'} archive (${error.message})`);
}
