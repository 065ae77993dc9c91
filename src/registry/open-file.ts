// Reads regular files that others may be writing to: one that vanished or became something else is Changed, and nothing blocks.
import { type BigIntStats, closeSync, constants, fstatSync, openSync, readSync, statSync } from 'node:fs';
import { Changed } from './refusal.ts';
import { newestMs, type Stamp, stampText } from './source.ts';

/** Fresh chunks go from thread to thread (gunzip), which costs by the piece. */
const freshBytes = 1 << 18;
/** Below the size from which malloc maps and unmaps each buffer: many packages are smaller than a page. */
const reusedBytes = 1 << 16;

export interface OpenFile {
  /** Owned by whoever opened it. */
  readonly fd: number;
  readonly stat: BigIntStats;
}

/** O_NONBLOCK: a fifo put there in the meantime must not hang the reader. */
export function openFile(path: string, flags: number = 0): OpenFile {
  const fd = unlessGone(() => openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | flags));
  const stat = fstatSync(fd, { bigint: true });
  if (stat.isFile()) return { fd, stat };
  closeSync(fd);
  throw new Changed();
}

/** Opens `path`, calls `use`, closes. */
export function withFile<T>(path: string, flags: number, use: (file: OpenFile) => T): T {
  const file = openFile(path, flags);
  try {
    return use(file);
  } finally {
    closeSync(file.fd);
  }
}

/** The chunks of a file up to its end; with `reuse`, each overwrites the one before. */
export function* chunksOf(fd: number, reuse?: Buffer): Generator<Buffer, void, undefined> {
  for (let position = 0; ; ) {
    const buffer = reuse ?? Buffer.allocUnsafeSlow(freshBytes);
    const length = readSync(fd, buffer, 0, buffer.length, position);
    if (length === 0) return;
    position += length;
    yield buffer.subarray(0, length);
  }
}

export function chunkBuffer(): Buffer {
  return Buffer.allocUnsafeSlow(reusedBytes);
}

export function fileStamp(path: string): Stamp {
  const stat = unlessGone(() => statSync(path, { bigint: true }));
  if (!stat.isFile()) throw new Changed();
  return { text: stampText(stat), newestMs: newestMs(stat) };
}

/** ENOENT and its like as Changed: whoever named the path had just seen it. */
export function unlessGone<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'ELOOP' || code === 'ENXIO') throw new Changed('', { cause: error });
    throw error;
  }
}
