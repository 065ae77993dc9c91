// The images at the engine: which are there, and how others get there.
import { createInterface } from 'node:readline';
import { type Engine, EngineRefused } from './engine.ts';

/** Who this worker is to a registry. */
export type Credentials =
  | { readonly username: string; readonly password: string }
  | { readonly token: string }
  | { readonly identityToken: string };

export interface ImageDetails {
  readonly volumes: readonly string[];
}

interface Inspected {
  readonly Config?: { readonly Volumes?: Readonly<Record<string, unknown>> | null } | null;
}

export class Images {
  readonly #engine: Engine;
  readonly #credentials: (host: string) => Credentials | undefined;
  readonly #pulls = new Map<string, Promise<void>>();

  /** `credentials`: by the host of a registry, undefined for nobody in particular. */
  constructor(engine: Engine, credentials: (host: string) => Credentials | undefined) {
    this.#engine = engine;
    this.#credentials = credentials;
  }

  /** Undefined when the engine does not have it. */
  async details(reference: string): Promise<ImageDetails | undefined> {
    try {
      const attempt = `look for the image ${reference}`;
      const { Config } = await this.#engine.call<Inspected>('GET', `/images/${reference}/json`, { attempt });
      return { volumes: Object.keys(Config?.Volumes ?? {}) };
    } catch (error) {
      if (error instanceof EngineRefused && error.status === 404) return undefined;
      throw error;
    }
  }

  /** Pulled if it is not there, once however many ask. */
  async present(reference: string): Promise<ImageDetails> {
    const there = await this.details(reference);
    if (there !== undefined) return there;
    const pull = this.#pulls.get(reference) ?? this.#pull(reference).finally(() => this.#pulls.delete(reference));
    this.#pulls.set(reference, pull);
    await pull;
    const pulled = await this.details(reference);
    if (pulled === undefined) throw new Error(`pull the image ${reference}: the engine says that it has, and has it not`);
    return pulled;
  }

  /** Makes one of the files in a tar archive. */
  async import(archive: Uint8Array, { name, tag, label }: { name: string; tag: string; label: string }): Promise<void> {
    const query = { fromSrc: '-', repo: name, tag, changes: `LABEL ${label}=1` };
    const headers = { 'content-type': 'application/x-tar' };
    await this.#create({ query, headers, body: archive, attempt: `import the image ${name}:${tag}` });
  }

  async #pull(reference: string): Promise<void> {
    const { name, tag, host } = split(reference);
    const credentials = this.#credentials(host);
    const headers = credentials === undefined ? {} : { 'x-registry-auth': encoded(host, credentials) };
    await this.#create({ query: { fromImage: name, tag }, headers, attempt: `pull the image ${reference}` });
  }

  /** The engine answers 200, tells how it goes line by line, and with the last one whether it went well. */
  async #create(request: Parameters<Engine['stream']>[2]): Promise<void> {
    const input = await this.#engine.stream('POST', '/images/create', request);
    for await (const line of createInterface({ input })) {
      const { error } = JSON.parse(line) as { error?: string };
      if (error !== undefined) throw new EngineRefused(request.attempt, 200, error);
    }
  }
}

/** Without a host it is Docker Hub's, without a tag `latest`: for the engine a name without one means all of its tags. */
export function split(reference: string): { readonly name: string; readonly tag: string; readonly host: string } {
  const first = reference.split('/')[0] ?? '';
  const host = reference.includes('/') && /[.:]|^localhost$/.test(first) ? first : 'docker.io';
  const [named = '', digest] = reference.split('@');
  const colon = named.indexOf(':', named.lastIndexOf('/'));
  const name = colon < 0 ? named : named.slice(0, colon);
  return { name, tag: digest ?? (colon < 0 ? 'latest' : named.slice(colon + 1)), host };
}

function encoded(host: string, credentials: Credentials): string {
  const known =
    'username' in credentials
      ? { username: credentials.username, password: credentials.password }
      : 'token' in credentials
        ? { registrytoken: credentials.token }
        : { identitytoken: credentials.identityToken };
  return Buffer.from(JSON.stringify({ ...known, serveraddress: host })).toString('base64url');
}
