// The config key `registry`: where the lambdas' code comes from.
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The directory that `value` names: a path, a file:// URL, or '' for `<workerDir>/registry`. Throws an Error for the operator. */
export function registryDirectory(value: string, workerDir: string): string {
  if (value === '') return resolve(join(workerDir, 'registry'));
  if (value.includes('\0')) throw new Error(`read config key registry ${JSON.stringify(value)}: a path has no NUL`);
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(value)?.[1]?.toLowerCase();
  if (scheme === undefined) return resolve(value);
  if (scheme !== 'file') {
    throw new Error(`read config key registry "${value}": ${scheme}:// is not supported yet (use a path or file:///absolute/path)`);
  }
  return fileUrlPath(value);
}

function fileUrlPath(value: string): string {
  try {
    const url = new URL(value);
    if (url.search !== '' || url.hash !== '') throw new Error('"?" and "#" of a path are written %3F and %23');
    return fileURLToPath(url);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new Error(`read config key registry "${value}": ${why} (a file URL is file:///absolute/path)`, { cause });
  }
}
