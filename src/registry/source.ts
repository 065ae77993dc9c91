// A package where the registry has it, before it is on this node: a single file, a directory, or an archive.
import type { BigIntStats } from 'node:fs';
import type { PackageWriter } from './package-writer.ts';

/** What a source looks like without being read: two equal stamps mean that nothing was written in between, once it is settled. */
export interface Stamp {
  readonly text: string;
  /** Milliseconds since 1970 of the newest ctime in it. */
  readonly newestMs: number;
}

export interface Source {
  /** Throws Changed if the source is not there any more. */
  stamp(): Stamp;
  /** Reads all of it; sha256, hex. Each form has a domain of its own, so that no package can pass for one of another form. */
  digest(): string;
  /** Reads all of it again, into the writer; the digest of what was written. */
  copy(writer: PackageWriter): string | Promise<string>;
}

/** A source whose copying is synchronous. */
export interface PlainSource extends Source {
  copy(writer: PackageWriter): string;
}

/**
 * File times move in steps of the kernel's tick (up to 10 ms at HZ=100), so that a second write right after the first can leave the stamp as
 * it was. A stamp that is younger than this when reading begins proves nothing later.
 */
const settledAfterMs = 50;

export function isSettled(stamp: Stamp, readAtMs: number): boolean {
  return readAtMs - stamp.newestMs >= settledAfterMs;
}

export function stampText(stat: BigIntStats): string {
  return `${stat.dev}.${stat.ino}.${stat.mode}.${stat.size}.${stat.mtimeNs}.${stat.ctimeNs}`;
}

export function newestMs(stat: BigIntStats): number {
  return Number(stat.ctimeNs / 1_000_000n);
}
