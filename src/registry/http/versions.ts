// Which version of a package the node has from a remote registry, as the registry itself tells versions apart: `<store>/versions/<lambda>`. Kept over
// restarts, so that what is on the node is not downloaded again. One that is lost costs a download.
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Headers, Reply } from './client.ts';
import type { RemoteForm } from './package-reply.ts';

/** What a server says of one version (RFC 9110, 8.8); both absent where a version cannot be told from the next. */
export interface Validators {
  readonly etag?: string;
  readonly lastModified?: string;
}

export interface Version extends Validators {
  readonly form: RemoteForm;
  /** sha256 of the package in the store. */
  readonly digest: string;
}

const longest = 1024;
/** Times of HTTP are seconds: what was written so shortly before it was sent may be written once more under the same time. */
const unsettledMs = 2000;

export function validatorsOf(reply: Reply): Validators {
  const [etag, lastModified] = [reply.header('etag'), reply.header('last-modified')];
  if (etag !== undefined && etag !== '' && etag.length <= longest) return { etag, ...(lastModified !== undefined && { lastModified }) };
  const age = Date.parse(reply.header('date') ?? '') - Date.parse(lastModified ?? '');
  return lastModified !== undefined && age >= unsettledMs ? { lastModified } : {};
}

export function conditions({ etag, lastModified }: Validators): Headers {
  return { ...(etag !== undefined && { 'if-none-match': etag }), ...(lastModified !== undefined && { 'if-modified-since': lastModified }) };
}

export class Versions {
  readonly #dir: string;
  readonly #source: string;
  readonly #known = new Map<string, Version>();

  /** `source` names the registry: what another one said of its packages is nothing to this one. */
  constructor(dir: string, source: string) {
    this.#dir = dir;
    this.#source = source;
    mkdirSync(dir, { recursive: true });
  }

  get(lambda: string): Version | undefined {
    const version = this.#known.get(lambda) ?? this.#read(lambda);
    if (version !== undefined) this.#known.set(lambda, version);
    return version;
  }

  set(lambda: string, version: Version): void {
    this.#known.set(lambda, version);
    const fresh = join(this.#dir, `${lambda}~`); // no lambda has this name
    try {
      writeFileSync(fresh, JSON.stringify({ source: this.#source, ...version }));
      renameSync(fresh, join(this.#dir, lambda));
    } catch {
      // a full disk: it is remembered until the next start
    }
  }

  delete(lambda: string): void {
    this.#known.delete(lambda);
    rmSync(join(this.#dir, lambda), { force: true });
  }

  #read(lambda: string): Version | undefined {
    try {
      const { source, ...version } = JSON.parse(readFileSync(join(this.#dir, lambda), 'utf8')) as Version & { source: string };
      return source === this.#source ? version : undefined;
    } catch {
      return undefined; // there is none, or not all of it was written
    }
  }
}
