// What the threads of the unpack pool run. One task at a time; everything but decompression is synchronous.
import { rmSync } from 'node:fs';
import { ArchiveSource } from './archive-source.ts';
import { DirectorySource } from './directory-source.ts';
import { FileSource } from './file-source.ts';
import type { PackageLimits } from './limits.ts';
import type { Source } from './source.ts';
import { type Unpacked, unpack } from './unpack.ts';

export { unpackLayer } from './layers/unpack-layer.ts';

export type Form = 'archive' | 'directory' | 'file';

/** Plain data: crosses threads. */
export interface UnpackTask {
  readonly form: Form;
  readonly path: string;
  readonly known: string | undefined;
  readonly store: string;
  /** Exists and is empty. */
  readonly temporary: string;
  readonly limits: PackageLimits;
  readonly now: number;
}

export function unpackTask(task: UnpackTask): Promise<Unpacked> {
  const { known, store, limits, now } = task;
  return unpack(sourceOf(task), { known, store, limits, now, temporary: () => task.temporary });
}

export function removeTask(dir: string): void {
  rmSync(dir, { recursive: true, force: true });
}

function sourceOf({ form, path, limits }: UnpackTask): Source {
  switch (form) {
    case 'archive':
      return new ArchiveSource(path, limits);
    case 'directory':
      return new DirectorySource(path, limits);
    case 'file':
      return new FileSource(path, limits);
  }
}
