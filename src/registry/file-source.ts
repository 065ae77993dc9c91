// A package that is a single .py: it becomes f.py.
import { createHash } from 'node:crypto';
import { entryFile, type PackageLimits } from './limits.ts';
import { chunkBuffer, chunksOf, fileStamp, withFile } from './open-file.ts';
import type { PackageWriter } from './package-writer.ts';
import { Refusal } from './refusal.ts';
import type { PlainSource, Stamp } from './source.ts';

export class FileSource implements PlainSource {
  readonly #path: string;
  readonly #limits: PackageLimits;

  constructor(path: string, limits: PackageLimits) {
    this.#path = path;
    this.#limits = limits;
  }

  stamp(): Stamp {
    return fileStamp(this.#path);
  }

  digest(): string {
    return this.#read().digest;
  }

  copy(writer: PackageWriter): string {
    const { chunks, digest, mtime } = this.#read();
    writer.file(entryFile, { executable: false, mtime });
    for (const chunk of chunks) writer.write(chunk);
    writer.endFile();
    return digest;
  }

  #read(): { chunks: readonly Buffer[]; digest: string; mtime: number } {
    return withFile(this.#path, 0, ({ fd, stat }) => {
      const hash = createHash('sha256').update('sock-worker file 1\n');
      const chunks: Buffer[] = [];
      let bytes = 0;
      for (const chunk of chunksOf(fd, chunkBuffer())) {
        bytes += chunk.length;
        if (bytes > this.#limits.fileBytes) throw new Refusal(`it is a single file of more than ${this.#limits.fileBytes} bytes`);
        hash.update(chunk);
        chunks.push(Buffer.from(chunk));
      }
      return { chunks, digest: hash.digest('hex'), mtime: Number(stat.mtimeMs / 1000n) };
    });
  }
}
