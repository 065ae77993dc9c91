// A registry that is a directory of this node: `<name>.tar.gz`, `<name>.py` or `<name>/`. Used by lambda/; owns nothing that needs closing.
import { WorkerError } from '../errors.ts';
import type { Code } from '../sandbox/sandbox.ts';
import { DirectorySource } from './directory-source.ts';
import { checkName, type Entry, findEntry } from './entry.ts';
import { FileSource } from './file-source.ts';
import { defaultLimits, type PackageLimits } from './limits.ts';
import type { PlainSource } from './source.ts';
import type { CodeRegistry } from './source-of-code.ts';
import type { Store } from './store.ts';
import { type Unpacked, type UnpackJob, unpackNow } from './unpack.ts';
import type { UnpackPool } from './unpack-pool.ts';
import { stored, unstored } from './unstored.ts';

export interface Resolved extends Code {
  /** What the registry's entry looked like (device, inode, mode, size, mtime, ctime of all of it). Compare digests, not stamps, to see new code. */
  readonly stamp: string;
}

export interface DirectoryRegistryOptions {
  readonly dir: string;
  readonly store: Store;
  readonly pool: UnpackPool;
  readonly limits?: PackageLimits;
  /** The clock of the file system's times; Date.now. */
  readonly now?: () => number;
}

interface Refused {
  readonly stamp: string;
  readonly detail: string;
  /** Milliseconds since 1970. */
  readonly until: number;
}

/** Up to these, a package is read and copied on the event loop: it takes less than handing it to a thread. */
const small = { bytes: 1 << 18, entries: 32 } as const satisfies Partial<PackageLimits>;
/** How often an entry that is being written to is read again before that counts as a failure. */
const attempts = 5;
/** How long a package that took too much time or memory is not tried again. */
const exhaustedMs = 60_000;

export class DirectoryRegistry implements CodeRegistry {
  readonly #dir: string;
  readonly #store: Store;
  readonly #pool: UnpackPool;
  readonly #limits: PackageLimits;
  readonly #now: () => number;
  readonly #underWay = new Map<string, Promise<Resolved>>();
  /** Entries that are there and no good, so that calling them again does not unpack them again. */
  readonly #refused = new Map<string, Refused>();
  /** Those whose stamp is too young to prove anything: their entry is read again next time. */
  readonly #unsettled = new WeakSet<Resolved>();

  constructor(options: DirectoryRegistryOptions) {
    this.#dir = options.dir;
    this.#store = options.store;
    this.#pool = options.pool;
    this.#limits = options.limits ?? defaultLimits;
    this.#now = options.now ?? Date.now;
  }

  /** The result is there at once when the work is small. */
  resolve(name: string, known?: Resolved): Resolved | Promise<Resolved> {
    checkName(name);
    for (let attempt = 1; attempt <= attempts; attempt += 1) {
      const entry = this.#find(name);
      const stamp = entry.stamp ?? this.#smallStamp(entry);
      const current = this.#current(name, known);
      if (current !== undefined && stamp === current.stamp) return current;
      const refusal = this.#refusal(name);
      if (refusal !== undefined && stamp === refusal.stamp) throw invalid(refusal.detail);
      const underWay = this.#underWay.get(name);
      if (underWay !== undefined) return underWay;
      const source = this.#smallSource(entry, stamp);
      if (source === undefined) return this.#share(name, this.#inPool(name, known));
      const resolved = this.#accept(name, known, entry, this.#unpackHere(source));
      if (resolved !== undefined) return resolved;
    }
    throw restless();
  }

  /** Big packages: in a thread, once for everybody who asks meanwhile. What they get is not older than their question: see unpack.ts. */
  async #inPool(name: string, known: Resolved | undefined): Promise<Resolved> {
    for (let attempt = 1; attempt <= attempts; attempt += 1) {
      const entry = this.#find(name);
      const stamp = this.#refusal(name)?.stamp ?? this.#current(name, known)?.stamp;
      const temporary = stored(this.#store.dir, () => this.#store.temporary());
      const outcome = await this.#pool.unpack({ form: entry.form, path: entry.path, temporary, ...this.#job(stamp) });
      if (outcome.at !== 'unpacked') await this.#store.discard(temporary);
      const resolved = this.#accept(name, known, entry, outcome);
      if (resolved !== undefined) return resolved;
    }
    throw restless();
  }

  #share(name: string, work: Promise<Resolved>): Promise<Resolved> {
    const shared = work.finally(() => this.#underWay.delete(name));
    this.#underWay.set(name, shared);
    return shared;
  }

  #unpackHere(source: PlainSource): Unpacked {
    let made: string | undefined;
    const temporary = () => {
      made = this.#store.temporary();
      return made;
    };
    const outcome = unpackNow(source, { temporary, ...this.#job(undefined) });
    if (made !== undefined && outcome.at !== 'unpacked') void this.#store.discard(made); // its end is awaited by the store's close()
    return outcome;
  }

  #job(known: string | undefined): Omit<UnpackJob, 'temporary'> {
    return { known, store: this.#store.dir, limits: this.#limits, now: this.#now() };
  }

  /** Undefined when the entry has to be read again. */
  #accept(name: string, known: Resolved | undefined, entry: Entry, outcome: Unpacked): Resolved | undefined {
    switch (outcome.at) {
      case 'changed':
        return undefined;
      case 'unchanged': {
        const refusal = this.#refusal(name);
        if (refusal !== undefined) throw invalid(refusal.detail);
        return this.#current(name, known);
      }
      case 'refused':
        throw this.#refuse(name, outcome.stamp, outcome.detail, Number.POSITIVE_INFINITY);
      case 'exhausted':
        throw this.#refuse(name, entry.stamp, outcome.detail, this.#now() + exhaustedMs);
      case 'unstored':
        throw unstored(this.#store.dir, outcome);
      case 'failed':
        throw new WorkerError('registry-unavailable', { cause: new Error(outcome.message) });
      case 'unpacked':
        stored(this.#store.dir, () => this.#store.publish(outcome.dir, outcome.digest));
        return this.#bind(name, known, outcome);
      case 'stored':
        if (!this.#store.has(outcome.digest)) return undefined; // removed since the thread saw it
        return this.#bind(name, known, outcome);
    }
  }

  #refusal(name: string): Refused | undefined {
    const refusal = this.#refused.get(name);
    return refusal !== undefined && this.#now() < refusal.until ? refusal : undefined;
  }

  #refuse(name: string, stamp: string | undefined, detail: string, until: number): WorkerError {
    this.#refused.delete(name);
    if (stamp !== undefined) this.#refused.set(name, { stamp, detail, until });
    return invalid(detail);
  }

  #bind(name: string, known: Resolved | undefined, outcome: Unpacked & { at: 'stored' | 'unpacked' }): Resolved {
    const { digest, stamp, settled } = outcome;
    stored(this.#store.dir, () => this.#store.bind(name, digest));
    this.#refused.delete(name);
    const same = known !== undefined && known.digest === digest && known.stamp === stamp;
    const resolved = same ? known : { digest, dir: this.#store.path(digest), stamp };
    if (settled) this.#unsettled.delete(resolved);
    else this.#unsettled.add(resolved);
    return resolved;
  }

  /** `known`, if an equal stamp of the entry would mean that it is still right, and if the store cannot have removed it. */
  #current(name: string, known: Resolved | undefined): Resolved | undefined {
    if (known === undefined || this.#unsettled.has(known) || this.#store.bound(name) !== known.digest) return undefined;
    return known;
  }

  #find(name: string): Entry {
    const entry = findEntry(this.#dir, name);
    if (entry !== undefined) return entry;
    this.#refused.delete(name);
    this.#store.unbind(name);
    throw new WorkerError('lambda-unknown');
  }

  #smallSource(entry: Entry, stamp: string | undefined): PlainSource | undefined {
    if (entry.form === 'file' && entry.size <= small.bytes) return new FileSource(entry.path, this.#limits);
    if (entry.form === 'directory' && stamp !== undefined) return new DirectorySource(entry.path, this.#limits);
    return undefined;
  }

  /** The stamp of a directory that is small, else undefined. */
  #smallStamp(entry: Entry): string | undefined {
    try {
      return new DirectorySource(entry.path, { ...this.#limits, ...small }).stamp().text;
    } catch {
      return undefined; // too big, or wrong in some way that reading it in a thread will tell
    }
  }
}

function invalid(detail: string): WorkerError {
  return new WorkerError('code-invalid', { detail });
}

function restless(): WorkerError {
  return new WorkerError('registry-unavailable', { detail: 'the code of this lambda is being written to; replace it by a rename' });
}
