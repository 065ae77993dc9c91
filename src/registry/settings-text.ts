// The ol.yaml of unpacked code, as text. The code is the lambda's own, so the file may be anything.
import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { WorkerError } from '../errors.ts';

/** No reader of such text takes more. */
const maxBytes = 64 << 10;

/** '' when there is none, as for an image, which has no directory. Throws code-invalid. */
export function settingsText(dir: string): string {
  const fd = dir === '' ? undefined : opened(join(dir, 'ol.yaml'));
  if (fd === undefined) return '';
  try {
    const stat = fstatSync(fd);
    if (!stat.isFile()) throw invalid('expected a regular file, no directory');
    if (stat.size > maxBytes) throw invalid(`expected at most ${maxBytes >> 10} KiB of text, got ${stat.size} bytes`);
    return new TextDecoder('utf-8', { fatal: true }).decode(readFileSync(fd));
  } catch (cause) {
    throw cause instanceof TypeError ? invalid('expected UTF-8 text', cause) : cause;
  } finally {
    closeSync(fd);
  }
}

function opened(path: string): number | undefined {
  try {
    return openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
    if (code === 'ENOENT') return undefined;
    if (code === 'ELOOP' || code === 'ENXIO') throw invalid('expected a regular file, no link', cause);
    throw cause;
  }
}

function invalid(problem: string, cause?: unknown): WorkerError {
  return new WorkerError('code-invalid', { detail: `ol.yaml: ${problem}`, cause });
}
