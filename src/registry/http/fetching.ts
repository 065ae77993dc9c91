// Gets a lambda's package from a remote registry into the store, unless the node has it. One fetch of a name at a time.
import { join } from 'node:path';
import { WorkerError } from '../../errors.ts';
import { intoStore } from '../into-store.ts';
import type { PackageLimits } from '../limits.ts';
import type { Resolved } from '../registry.ts';
import type { Store } from '../store.ts';
import type { UnpackPool } from '../unpack-pool.ts';
import type { Client } from './client.ts';
import { type Downloaded, download } from './download.ts';
import { Failed } from './failed.ts';
import type { RemoteForm } from './package-reply.ts';
import type { Remote } from './remote.ts';
import { type Retrying, retrying } from './retrying.ts';
import { type Validators, type Version, Versions } from './versions.ts';

export interface FetchingOptions {
  readonly remote: Remote;
  readonly client: Client;
  readonly store: Store;
  readonly pool: UnpackPool;
  readonly limits: PackageLimits;
}

interface Refused extends Validators {
  readonly form: RemoteForm;
  readonly detail: string | undefined;
  /** Milliseconds of performance.now(). */
  readonly until: number;
}

type Here = Downloaded & { at: 'here' };

/** In this order, as in a directory; the one that was there is looked for first. */
const forms: readonly { readonly form: RemoteForm; readonly suffix: string }[] = [
  { form: 'archive', suffix: '.tar.gz' },
  { form: 'file', suffix: '.py' },
];
/** How long a package that cannot be used is not unpacked again. It may have been for want of time or memory. */
const refusedMs = 60_000;

export class Fetching {
  readonly #options: FetchingOptions;
  readonly #versions: Versions;
  /** Packages that are there and no good, where the registry tells their version. */
  readonly #refused = new Map<string, Refused>();

  constructor(options: FetchingOptions) {
    this.#options = options;
    this.#versions = new Versions(join(options.store.dir, 'versions'), options.remote.base.href);
  }

  /** What the node has of it. */
  kept(name: string): Resolved | undefined {
    const version = this.#version(name);
    return version && this.#resolved(version);
  }

  /** Rejects with lambda-unknown, code-invalid, registry-unavailable, with Failed, with an error of the file system, or as the signal wants it. */
  async fetch(name: string, how: Retrying): Promise<Resolved> {
    const { store } = this.#options;
    const version = this.#version(name);
    const refused = this.#refusal(name);
    let temporary: string | undefined;
    const into = (): string => {
      temporary ??= store.temporary();
      return join(temporary, 'package');
    };
    try {
      const found = await this.#find(name, { seen: refused ?? version, into, how });
      if (found.at === 'here') return await this.#keep(name, found);
      if (found.at === 'unchanged' && refused !== undefined) throw invalid(refused.detail);
      if (found.at === 'unchanged' && version !== undefined) return this.#resolved(version);
      this.#forget(name);
      throw new WorkerError('lambda-unknown');
    } finally {
      if (temporary !== undefined) await store.discard(temporary);
    }
  }

  /** In whichever form it is there. */
  async #find(
    name: string,
    { seen, into, how }: { seen: (Validators & { form: RemoteForm }) | undefined; into: () => string; how: Retrying },
  ): Promise<(Here & { form: RemoteForm }) | { at: 'unchanged' | 'missing' }> {
    const { client, remote, limits } = this.#options;
    let closed: Failed | undefined;
    for (const { form, suffix } of seen?.form === 'file' ? forms.toReversed() : forms) {
      const url = new URL(name + suffix, remote.base);
      const known = seen?.form === form ? seen : {};
      const found = await retrying(() => download(client, remote, { url, form, limits, known, into, signal: how.signal }), how);
      if (found.at === 'here') return { ...found, form };
      if (found.at === 'unchanged') return found;
      if (found.at === 'forbidden') closed ??= new Failed(url, `it answered ${found.status} (${remote.advice})`);
    }
    if (closed !== undefined) throw closed;
    return { at: 'missing' };
  }

  async #keep(name: string, { form, path, validators }: Here & { form: RemoteForm }): Promise<Resolved> {
    const { store } = this.#options;
    const digest = await intoStore(this.#options, form, path).catch((error: unknown) => {
      if (error instanceof WorkerError && error.code === 'code-invalid' && Object.keys(validators).length > 0) {
        this.#refused.set(name, { ...validators, form, detail: error.detail, until: performance.now() + refusedMs });
      }
      throw error;
    });
    store.bind(name, digest);
    store.release(digest);
    const version = { ...validators, form, digest };
    this.#versions.set(name, version);
    this.#refused.delete(name);
    return this.#resolved(version);
  }

  #forget(name: string): void {
    this.#versions.delete(name);
    this.#refused.delete(name);
    this.#options.store.unbind(name);
  }

  /** That of the code that the store has under the name: another registry may have put it there. */
  #version(name: string): Version | undefined {
    const bound = this.#options.store.bound(name); // first: for a name that nobody has, no file is looked for
    const version = bound === undefined ? undefined : this.#versions.get(name);
    return version?.digest === bound ? version : undefined;
  }

  #refusal(name: string): Refused | undefined {
    const refused = this.#refused.get(name);
    if (refused === undefined || performance.now() < refused.until) return refused;
    this.#refused.delete(name);
    return undefined;
  }

  #resolved({ form, etag = '', lastModified = '', digest }: Version): Resolved {
    return { digest, dir: this.#options.store.path(digest), stamp: [form, etag, lastModified, digest].join('\n') };
  }
}

function invalid(detail: string | undefined): WorkerError {
  return new WorkerError('code-invalid', detail === undefined ? {} : { detail });
}
