// Changes a registry that is a directory: puts a package there, or removes one. Each change is one rename or unlink: at any moment a lambda is its old
// code or its new one. What lies here meanwhile has a "~" in its name, so that it is no lambda's.
import { randomUUID } from 'node:crypto';
import { createWriteStream, existsSync, lstatSync, openSync, readdirSync, renameSync, rmSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { WorkerError } from '../errors.ts';
import { checkName, type Entry, entriesOf, suffixOf } from './entry.ts';
import { type IntoStoreOptions, intoStore } from './into-store.ts';
import type { Form } from './unpack-worker.ts';

export interface EditorOptions extends IntoStoreOptions {
  readonly dir: string;
  /** Throws code-invalid when unpacked code cannot be used in spite of being in its form. */
  check(dir: string): void;
  /** The lambda has other code, or none any more. What is done then is done before its caller is told. */
  onChanged(name: string): Promise<void> | void;
}

export interface Put {
  readonly name: string;
  /** sha256, hex: of an archive as `sha256sum` prints it. */
  readonly digest: string;
  /** Bytes that came. */
  readonly size: number;
}

const [uploadPrefix, removedPrefix] = ['.upload~', '.removed~'];
/** What is older was left by a worker that is dead; several may share the directory. */
const staleMs = 24 * 3600_000;
/** A file name has 255 bytes, and the suffixes need some. */
const longestName = 240;

export class RegistryEditor {
  readonly #options: EditorOptions;

  constructor(options: EditorOptions) {
    this.#options = options;
  }

  /**
   * The lambda's code is what `body` brings, once it has been unpacked under all the rules that calling it will have. Rejects with what is wrong, and
   * nothing is changed then: registry-name, upload-invalid, registry-read-only, registry-full, registry-unavailable, or the body's own error.
   */
  async put(name: string, form: 'archive' | 'file', body: Readable): Promise<Put> {
    const path = join(this.#options.dir, `${uploadPrefix}${randomUUID()}`);
    try {
      checkNewName(name);
      const size = await received(body, path);
      const { store } = this.#options;
      const digest = await intoStore(this.#options, form, path);
      let replaced: readonly Promise<void>[] = [];
      try {
        this.#options.check(store.path(digest));
        replaced = this.#place(name, form, path);
        store.bind(name, digest); // so that the next look at it finds it there
      } finally {
        store.release(digest);
      }
      await this.#options.onChanged(name);
      await Promise.all(replaced);
      return { name, digest, size };
    } catch (error) {
      body.destroy();
      rmSync(path, { force: true });
      throw told(error);
    }
  }

  /** Rejects with lambda-unknown, registry-read-only or registry-unavailable. Calls that are under way are not disturbed. */
  async remove(name: string): Promise<void> {
    checkName(name);
    const entries = [...entriesOf(this.#options.dir, name)];
    if (entries.length === 0) throw new WorkerError('lambda-unknown');
    try {
      const removed = entries.reverse().map((entry) => this.#drop(entry)); // the one that counts last: no other may show up meanwhile
      await this.#options.onChanged(name);
      await Promise.all(removed);
    } catch (error) {
      throw told(error);
    }
  }

  /** Removes what workers that were killed have left. */
  async sweep(): Promise<void> {
    const { dir } = this.#options;
    for (const name of existsSync(dir) ? readdirSync(dir) : []) {
      if (!name.startsWith(uploadPrefix) && !name.startsWith(removedPrefix)) continue;
      const path = join(dir, name);
      const stat = lstatSync(path, { throwIfNoEntry: false });
      if (stat !== undefined && Date.now() - stat.ctimeMs > staleMs) await this.#erase(path);
    }
  }

  /** The entry that came counts from the moment in which those are gone that would come before it; those that come after it are never looked at. */
  #place(name: string, form: Form, path: string): readonly Promise<void>[] {
    const { dir } = this.#options;
    renameSync(path, join(dir, name + suffixOf(form)));
    const others = [...entriesOf(dir, name)].filter((entry) => entry.form !== form);
    return others.map((entry) => this.#drop(entry));
  }

  /** It is out of the way at once. A link is removed, not what it leads to. */
  #drop({ path }: Entry): Promise<void> {
    if (!lstatSync(path).isDirectory()) {
      unlinkSync(path);
      return Promise.resolve();
    }
    const gone = join(this.#options.dir, `${removedPrefix}${randomUUID()}`);
    renameSync(path, gone);
    return this.#erase(gone);
  }

  /** What cannot be erased now is swept at another start. */
  #erase(path: string): Promise<void> {
    return this.#options.pool.remove(path).catch(() => {});
  }
}

function checkNewName(name: string): void {
  try {
    checkName(name);
  } catch (cause) {
    throw new WorkerError('registry-name', { cause });
  }
  if (name.length > longestName) throw new WorkerError('registry-name');
}

async function received(body: Readable, path: string): Promise<number> {
  // Opened here and now: a stream would open it later, perhaps when the body has failed and the file was removed.
  const file = createWriteStream(path, { fd: openSync(path, 'wx', 0o644), flush: true });
  await pipeline(body, file);
  return file.bytesWritten;
}

const codes: Readonly<Record<string, 'registry-read-only' | 'registry-full'>> = {
  EROFS: 'registry-read-only',
  EACCES: 'registry-read-only',
  EPERM: 'registry-read-only',
  ENOSPC: 'registry-full',
  EDQUOT: 'registry-full',
};

function told(cause: unknown): WorkerError {
  if (cause instanceof WorkerError) {
    if (cause.code !== 'code-invalid') return cause;
    return new WorkerError('upload-invalid', { ...(cause.detail !== undefined && { detail: cause.detail }), cause });
  }
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
  return new WorkerError(codes[code] ?? 'registry-unavailable', {
    ...(code === 'ENOENT' && { detail: 'its directory is missing' }),
    cause,
  });
}
