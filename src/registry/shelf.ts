// What the registry holds, for those who look at it rather than run it. One that is elsewhere tells of single lambdas only.
import { createReadStream } from 'node:fs';
import { readdir } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { setImmediate } from 'node:timers/promises';
import { WorkerError } from '../errors.ts';
import { checkName, findEntry, lambdasOf } from './entry.ts';
import { openFile } from './open-file.ts';
import { packed } from './packed.ts';
import { settingsText } from './settings-text.ts';
import type { KeptRegistry } from './source-of-code.ts';
import type { Form } from './unpack-worker.ts';

export interface ShelfOptions {
  /** Undefined where the registry is elsewhere. */
  readonly dir: string | undefined;
  readonly registry: KeptRegistry;
}

export interface Listed {
  readonly name: string;
  readonly form: Form;
  /** Bytes of the file; undefined for a directory. */
  readonly size: number | undefined;
  /** Of the file, or of the directory itself. ISO 8601. */
  readonly modified: string;
}

export interface Download {
  /** A .tar.gz. */
  readonly stream: Readable;
  /** Bytes, where they are known beforehand. */
  readonly size: number | undefined;
}

/** So many entries are looked at in one turn of the event loop. */
const atATime = 64;

export class Shelf {
  readonly #options: ShelfOptions;

  constructor(options: ShelfOptions) {
    this.#options = options;
  }

  /** Of one that is elsewhere: whether the node has it. Throws lambda-name or registry-unavailable. */
  has(name: string): boolean {
    const { dir, registry } = this.#options;
    checkName(name);
    return dir === undefined ? registry.has(name) : findEntry(dir, name) !== undefined;
  }

  /** By name. Rejects with registry-unavailable or registry-elsewhere. */
  async list(): Promise<readonly Listed[]> {
    const { dir } = this.#options;
    if (dir === undefined) throw new WorkerError('registry-elsewhere');
    const entries = await readdir(dir).catch((cause: unknown) => {
      throw new WorkerError('registry-unavailable', { cause });
    });
    const listed: Listed[] = [];
    for (const [at, name] of [...new Set(entries.flatMap(lambdasOf))].sort().entries()) {
      if (at % atATime === 0) await setImmediate();
      const entry = findEntry(dir, name);
      if (entry === undefined) continue;
      const { form, size, modified } = entry;
      listed.push({ name, form, size: form === 'directory' ? undefined : size, modified: new Date(modified).toISOString() });
    }
    return listed;
  }

  /** An archive as it is; anything else packed, the same bytes for the same code. Rejects as CodeRegistry.resolve. */
  async download(name: string): Promise<Download> {
    const { dir } = this.#options;
    checkName(name);
    const entry = dir === undefined ? undefined : findEntry(dir, name);
    if (dir !== undefined && entry === undefined) throw new WorkerError('lambda-unknown');
    if (entry?.form === 'archive') {
      const { fd, stat } = openFile(entry.path);
      return { stream: createReadStream('', { fd }), size: Number(stat.size) };
    }
    const [code, release] = await this.#code(name);
    if (code === '') {
      release();
      throw new WorkerError('registry-elsewhere', { detail: 'the lambda is an image' });
    }
    return { stream: packed(code).once('close', release), size: undefined };
  }

  /** The text of the lambda's ol.yaml, '' without one. Rejects as CodeRegistry.resolve. */
  async settings(name: string): Promise<string> {
    const [code, release] = await this.#code(name);
    try {
      return settingsText(code);
    } finally {
      release();
    }
  }

  /** The directory of its code ('' for an image), which stays until the function is called. */
  async #code(name: string): Promise<readonly [dir: string, release: () => void]> {
    const { registry } = this.#options;
    const code = await registry.resolve(name);
    registry.retain(code);
    return [code.dir, () => registry.release(code)];
  }
}
