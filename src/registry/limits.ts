// What an archive or a code package may be at most, and what a package must have. Used by everything that reads one.

/** Over any of these an archive is refused. */
export interface ArchiveLimits {
  /** Unpacked bytes; for an archive of the whole tar stream, headers and padding included. */
  readonly bytes: number;
  /** Files, links and directories, the implied ones too. */
  readonly entries: number;
  /** Components of a path. */
  readonly depth: number;
  /** Bytes of a path in UTF-8; the longest one must fit below the store in PATH_MAX (4096). */
  readonly pathBytes: number;
  /** Unpacked bytes per byte of archive. gzip can reach 1032; sources and libraries stay below 20. */
  readonly ratio: number;
  /** Up to so many unpacked bytes the ratio does not matter. */
  readonly ratioFreeBytes: number;
  /**
   * Milliseconds that a thread may work on one archive. A hostile tar costs time without having bytes: 250 kB of PAX records kept tar-stream
   * busy for 150 s.
   */
  readonly ms: number;
}

/** Of code packages: over any of these they are `code-invalid`. */
export interface PackageLimits extends ArchiveLimits {
  /** Bytes of a package that is a single .py. */
  readonly fileBytes: number;
}

export const defaultLimits: PackageLimits = {
  bytes: 1 << 30,
  entries: 100_000,
  depth: 64,
  pathBytes: 1024,
  ratio: 200,
  ratioFreeBytes: 16 << 20,
  fileBytes: 16 << 20,
  ms: 60_000,
};

/** What a package that is one Python file becomes. */
export const entryFile = 'f.py';
