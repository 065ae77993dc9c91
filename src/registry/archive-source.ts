// A package that is a .tar.gz. Runs in the threads of the unpack pool: gunzip is asynchronous, the file system calls are not.
import { createHash, type Hash } from 'node:crypto';
import { closeSync } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { type Extract, extract } from 'tar-stream';
import { addMember } from './archive-member.ts';
import type { PackageLimits } from './limits.ts';
import { chunkBuffer, chunksOf, fileStamp, openFile, withFile } from './open-file.ts';
import type { PackageWriter } from './package-writer.ts';
import { Refusal } from './refusal.ts';
import type { Source, Stamp } from './source.ts';

/** v7 archives have no magic, their checksum is looked at all the same. An option that tar-stream's types do not have. */
const formats: Parameters<typeof extract>[0] & { readonly allowUnknownFormat: boolean } = { allowUnknownFormat: true };

export class ArchiveSource implements Source {
  readonly #path: string;
  readonly #limits: PackageLimits;

  constructor(path: string, limits: PackageLimits) {
    this.#path = path;
    this.#limits = limits;
  }

  stamp(): Stamp {
    return fileStamp(this.#path);
  }

  /** sha256 of the file, as `sha256sum` prints it; what begins like gzip is in no other form's domain. */
  digest(): string {
    return withFile(this.#path, 0, ({ fd }) => {
      const hash = createHash('sha256');
      for (const chunk of chunksOf(fd, chunkBuffer())) hash.update(chunk);
      return hash.digest('hex');
    });
  }

  async copy(writer: PackageWriter): Promise<string> {
    const { fd, stat } = openFile(this.#path);
    const size = Number(stat.size);
    const hash = createHash('sha256');
    const gunzip = createGunzip({ chunkSize: 1 << 18 });
    const tar = extract(formats);
    try {
      addMembers(tar, writer, this.#limits);
      await pipeline(
        () => hashed(chunksOf(fd), hash),
        gunzip,
        (unpacked: AsyncIterable<Buffer>) => metered(unpacked, size, this.#limits),
        tar,
      );
    } catch (error) {
      if (gunzip.bytesWritten < size && isAbort(error)) throw trailing();
      throw asRefusal(error);
    } finally {
      closeSync(fd);
    }
    if (gunzip.bytesWritten < size) throw trailing();
    return hash.digest('hex');
  }
}

/** Writes each member as it comes. Nothing may throw out of an event handler: it would end the thread. */
function addMembers(tar: Extract, writer: PackageWriter, limits: PackageLimits): void {
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
      if (addMember(header, writer, limits) === 'complete') {
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
}

function bytesOf(chunk: unknown): Uint8Array {
  if (chunk instanceof Uint8Array) return chunk;
  throw new Error('read a tar archive: tar-stream gave something that is no buffer');
}

async function* hashed(chunks: Iterable<Buffer>, hash: Hash): AsyncGenerator<Buffer> {
  for (const chunk of chunks) {
    hash.update(chunk);
    yield chunk;
  }
}

async function* metered(chunks: AsyncIterable<Buffer>, archiveBytes: number, limits: PackageLimits): AsyncGenerator<Buffer> {
  const most = Math.max(limits.ratioFreeBytes, limits.ratio * archiveBytes);
  let bytes = 0;
  for await (const chunk of chunks) {
    bytes += chunk.length;
    if (bytes > limits.bytes) throw new Refusal(`it has more than ${limits.bytes} bytes`);
    if (bytes > most) throw new Refusal(`it unpacks to more than ${limits.ratio} times its size`);
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
function asRefusal(error: unknown): unknown {
  if (!(error instanceof Error) || error instanceof Refusal || 'syscall' in error) return error;
  const code = 'code' in error ? String(error.code) : '';
  return new Refusal(`it is no intact ${code.startsWith('Z_') ? 'gzip' : 'tar'} archive (${error.message})`);
}
