// A package that is a directory.

import { createHash, type Hash } from 'node:crypto';
import { constants } from 'node:fs';
import type { PackageLimits } from './limits.ts';
import { chunkBuffer, chunksOf, withFile } from './open-file.ts';
import type { PackageWriter } from './package-writer.ts';
import { Changed } from './refusal.ts';
import { newestMs, type PlainSource, type Stamp, stampText } from './source.ts';
import { type TreeMember, walkTree } from './tree.ts';

export class DirectorySource implements PlainSource {
  readonly #path: string;
  readonly #limits: PackageLimits;

  constructor(path: string, limits: PackageLimits) {
    this.#path = path;
    this.#limits = limits;
  }

  /** Over everything in it: the directory's own times do not tell of a file that was written to. */
  stamp(): Stamp {
    const hash = createHash('sha256');
    let newest = 0;
    walkTree(this.#path, this.#limits, ({ path, stat }) => {
      hash.update(`${path}\0${stampText(stat)}\n`);
      newest = Math.max(newest, newestMs(stat));
    });
    return { text: hash.digest('hex'), newestMs: newest };
  }

  /** Over sorted paths, types, the executable bit, targets and content: all that ends up in the store but the times. */
  digest(): string {
    return this.#read(undefined);
  }

  copy(writer: PackageWriter): string {
    return this.#read(writer);
  }

  #read(writer: PackageWriter | undefined): string {
    const hash = createHash('sha256').update('sock-worker directory 1\n');
    const buffer = chunkBuffer();
    walkTree(this.#path, this.#limits, (member) => {
      if (member.kind === 'file') readFile(member, hash, writer, buffer);
      else if (member.kind === 'symlink') {
        hash.update(`l\0${member.path}\0${member.target}\0`);
        writer?.symlink(member.path, member.target);
      } else {
        hash.update(`d\0${member.path}\0`);
        writer?.directory(member.path);
      }
    });
    return hash.digest('hex');
  }
}

function readFile(member: TreeMember & { kind: 'file' }, hash: Hash, writer: PackageWriter | undefined, buffer: Buffer): void {
  withFile(member.at, constants.O_NOFOLLOW, ({ fd, stat }) => {
    if (stat.ino !== member.stat.ino || stat.dev !== member.stat.dev) throw new Changed();
    const executable = (stat.mode & 0o111n) !== 0n;
    hash.update(`${executable ? 'x' : 'f'}\0${member.path}\0${member.stat.size}\0`);
    writer?.file(member.path, { executable, mtime: Number(stat.mtimeMs / 1000n) });
    let bytes = 0n;
    for (const chunk of chunksOf(fd, buffer)) {
      bytes += BigInt(chunk.length);
      if (bytes > member.stat.size) break; // it grows; do not follow it to wherever it ends
      hash.update(chunk);
      writer?.write(chunk);
    }
    if (bytes !== member.stat.size) throw new Changed();
    writer?.endFile();
  });
}
