// What the registry's directory has under a lambda's name.
import { type BigIntStats, statSync } from 'node:fs';
import { join } from 'node:path';
import { WorkerError } from '../errors.ts';
import { stampText } from './source.ts';
import type { Form } from './unpack-worker.ts';

export interface Entry {
  readonly form: Form;
  readonly path: string;
  readonly size: number;
  /** Milliseconds since 1970. */
  readonly modified: number;
  /** Of a directory it says nothing about what is below: undefined. */
  readonly stamp: string | undefined;
}

/** In this order, as OpenLambda looks for them: with several there, the first is the lambda. */
const forms: readonly { readonly form: Form; readonly suffix: string }[] = [
  { form: 'archive', suffix: '.tar.gz' },
  { form: 'file', suffix: '.py' },
  { form: 'directory', suffix: '' },
];

/** Throws lambda-name unless `name` is one component of a path, of harmless characters. */
export function checkName(name: string): void {
  if (!isName(name)) throw new WorkerError('lambda-name');
}

function isName(name: string): boolean {
  return /^[A-Za-z0-9._-]+$/.test(name) && name !== '.' && name !== '..';
}

/**
 * The entry of a lambda, or undefined. Something of another type under one of the names (a file where a directory should be) is no entry: the
 * lambda "echo.py" is not the file of the lambda "echo". The entry itself may be a link, to wherever the operator keeps the code: only who may
 * write to the registry's directory can make one (uploads are files). Links inside of a package are another matter (member-path.ts).
 * Throws registry-unavailable.
 */
export function findEntry(dir: string, name: string): Entry | undefined {
  for (const entry of entriesOf(dir, name)) return entry;
  return undefined;
}

/** All that there is under the lambda's name, the one that is the lambda first. Throws registry-unavailable. */
export function* entriesOf(dir: string, name: string): Generator<Entry, void, undefined> {
  let found = false;
  for (const { form, suffix } of forms) {
    const path = join(dir, name + suffix);
    const stat = statOf(path);
    if (stat === undefined || !(form === 'directory' ? stat.isDirectory() : stat.isFile())) continue;
    found = true;
    const { size, mtimeMs } = stat;
    yield { form, path, size: Number(size), modified: Number(mtimeMs), stamp: form === 'directory' ? undefined : stampText(stat) };
  }
  if (!found && statOf(dir)?.isDirectory() !== true)
    throw new WorkerError('registry-unavailable', { detail: 'its directory is missing', cause: new Error(`"${dir}" is no directory`) });
}

/** What the entry of a lambda is called after its name. */
export function suffixOf(form: Form): string {
  return forms.find((known) => known.form === form)?.suffix ?? '';
}

/** The lambdas that a file or directory of this name can belong to. */
export function lambdasOf(entry: string): readonly string[] {
  return forms
    .filter(({ suffix }) => entry.endsWith(suffix))
    .map(({ suffix }) => entry.slice(0, entry.length - suffix.length))
    .filter(isName);
}

function statOf(path: string): BigIntStats | undefined {
  try {
    return statSync(path, { bigint: true, throwIfNoEntry: false });
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'ENAMETOOLONG' || code === 'ELOOP') return undefined; // there can be no such entry
    throw new WorkerError('registry-unavailable', { cause: error });
  }
}
