// What keeps this node from storing code that is to be had: as a rule a full disk. No fault of the registry, and it says nothing about the code.
import { WorkerError } from '../errors.ts';

/** Plain data: an Error that crosses threads loses its code. */
export interface Unwritten {
  readonly code: string;
  readonly message: string;
}

const reasons: Readonly<Record<string, string>> = {
  ENOSPC: 'the file system of its worker_dir is full (make room there)',
  EDQUOT: 'the disk quota of its worker_dir is used up (make room there)',
  EROFS: 'the file system of its worker_dir is read-only (mount it so that it can be written to)',
  EACCES: 'it may not write to its worker_dir (give its user the right to)',
  EPERM: 'it may not write to its worker_dir (give its user the right to)',
};
/** Nothing but writing can be their reason. Errors of descriptors do not say what they are of. */
const ofWriting: readonly string[] = ['ENOSPC', 'EDQUOT', 'EROFS'];

/** What went wrong, if it comes of writing to `store` and not of reading the registry. */
export function unwrittenBy(error: unknown, store: string): Unwritten | undefined {
  if (!(error instanceof Error)) return undefined;
  const { code, message, path, dest = path } = error as NodeJS.ErrnoException & { readonly dest?: string };
  if (code === undefined || !(ofWriting.includes(code) || dest?.startsWith(`${store}/`))) return undefined;
  return { code, message };
}

/** In words of the config for the caller, with the directory for the log. */
export function unstored(store: string, { code, message }: Unwritten): WorkerError {
  const detail = reasons[code] ?? 'its worker_dir cannot be written to (the log says why)';
  return new WorkerError('store-failed', { detail, cause: new Error(`write to "${store}": ${message}`) });
}

/** What `write` gives. Throws store-failed. */
export function stored<T>(store: string, write: () => T): T {
  try {
    return write();
  } catch (cause) {
    throw unstored(store, unwrittenBy(cause, store) ?? { code: '', message: String(cause) });
  }
}
