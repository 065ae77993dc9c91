// A package that is a .tar.gz.
import { createHash } from 'node:crypto';
import { closeSync } from 'node:fs';
import { addMember } from './archive-member.ts';
import { readArchive } from './archive-stream.ts';
import type { PackageLimits } from './limits.ts';
import { chunkBuffer, chunksOf, fileStamp, openFile, withFile } from './open-file.ts';
import type { PackageWriter } from './package-writer.ts';
import type { Source, Stamp } from './source.ts';

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
    const packed = createHash('sha256');
    const limits = this.#limits;
    try {
      await readArchive({
        fd,
        size: Number(stat.size),
        compression: 'gzip',
        limits,
        packed,
        writer: {
          add: (header) => addMember(header, writer, limits),
          write: (chunk) => writer.write(chunk),
          endFile: () => writer.endFile(),
        },
      });
    } finally {
      closeSync(fd);
    }
    return packed.digest('hex');
  }
}
