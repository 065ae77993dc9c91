// zstd data, decompressed: by node:zlib where it can (Node.js 22.15 and newer), else by the program `zstd`. Not by fzstd: it takes a frame's
// word for how large a window it needs, up to 2 GB; these two stop at 128 MB.
import { spawn } from 'node:child_process';
import type { Duplex, Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import * as zlib from 'node:zlib';
import { Refusal } from './refusal.ts';

export type Decoder = (chunks: AsyncIterable<Buffer>) => AsyncGenerator<Buffer>;

interface Zstd {
  createZstdDecompress?: (options: zlib.ZlibOptions) => zlib.Gunzip;
}

export function zstdDecoder(): Decoder {
  return (zlib as Zstd).createZstdDecompress === undefined ? byProgram : byZlib;
}

/**
 * node:zlib stops in the middle of a chunk where a frame ends there (nodejs/node#64741), but images made to be pulled lazily have a frame for
 * each file: what it left goes to another decompressor.
 */
export async function* byZlib(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const input = chunks[Symbol.asyncIterator]();
  const next = async (): Promise<Buffer | undefined> => (await input.next()).value;
  try {
    for (let chunk = await next(); chunk !== undefined; ) {
      const frames = (zlib as Zstd).createZstdDecompress?.({ chunkSize: 1 << 18 });
      if (frames === undefined) throw new Error('unpack zstd data: this Node.js cannot');
      frames.on('error', () => undefined); // told to who reads
      const closed = new Promise<void>((resolve) => frames.once('close', resolve));
      let given = 0;
      const feed = async (): Promise<Buffer | undefined> => {
        for (; chunk !== undefined; chunk = await next()) {
          given += chunk.length;
          const taken = new Promise<void>((resolve) => frames.write(chunk, () => resolve()));
          await Promise.race([taken, closed]);
          const left = given - frames.bytesWritten;
          if (left > 0 || frames.destroyed) return chunk.subarray(chunk.length - left);
        }
        frames.end();
        return undefined;
      };
      const rest = feed();
      rest.catch((error) => frames.destroy(error));
      yield* frames;
      chunk = await rest;
      if (chunk?.length === 0) chunk = await next();
    }
  } finally {
    await input.return?.();
  }
}

/**
 * As nobody, since what it reads comes from strangers. The shell leaves it behind: a thread that is ended reaps nothing, and the program ends by
 * itself when its pipes do.
 */
export async function* byProgram(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const nobody = process.getuid?.() === 0 ? { uid: 65534, gid: 65534 } : {};
  const command = '{ zstd -dcq <&3; echo "$?" >&4; } &'; // not from 0: shells make that /dev/null for what they leave behind
  const child = spawn('/bin/sh', ['-c', command], { stdio: ['ignore', 'pipe', 'pipe', 'pipe', 'pipe'], cwd: '/', ...nobody });
  const [, stdout, stderr, stdin, told] = child.stdio as unknown as [null, Readable, Readable, Duplex, Duplex];
  const words = text(stderr).catch(() => '');
  const status = text(told).catch(() => '');
  let failure: unknown;
  const failed = (error: unknown) => {
    failure ??= error;
  };
  child.once('error', failed);
  const fed = pipeline(chunks, stdin).catch(failed);
  try {
    yield* stdout;
    await fed;
    const ended = (await status).trim();
    if (ended === '127') throw new Error('unpack zstd data: this node has no program `zstd` (install it, or use Node.js 22.15 or newer)');
    if (failure !== undefined && !isPipe(failure)) throw failure;
    if (ended !== '0') throw new Refusal(`it is no intact zstd archive (${(await words).trim().slice(0, 200)})`);
  } finally {
    for (const stream of [stdin, stdout, stderr, told]) stream.destroy();
  }
}

/** The program ended before it had read all. */
function isPipe(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'EPIPE' || error.code === 'ECONNRESET');
}
