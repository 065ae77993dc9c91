// The ol.yaml of a package, before a registry takes it.
import { lstatSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseLambdaSettings, SettingsError, type WorkerDefaults } from '../../config/lambda-settings.ts';
import { WorkerError } from '../../errors.ts';

/** `dir`: the unpacked code, which may hold anything. Throws code-invalid. */
export function checkSettings(dir: string, worker: WorkerDefaults): void {
  const file = join(dir, 'ol.yaml');
  const stat = lstatSync(file, { throwIfNoEntry: false });
  if (stat === undefined) return;
  if (!stat.isFile()) throw new WorkerError('code-invalid', { detail: 'ol.yaml: expected a regular file' });
  try {
    parseLambdaSettings(readFileSync(file, 'utf8'), worker);
  } catch (cause) {
    if (!(cause instanceof SettingsError)) throw cause;
    throw new WorkerError('code-invalid', { detail: cause.problems.join('; '), cause });
  }
}
