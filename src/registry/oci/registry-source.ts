// An image in a registry, by the distribution API (github.com/opencontainers/distribution-spec).
import { within } from './deadline.ts';
import { type Digest, digestOf, isDigest, verified } from './digest.ts';
import { type Descriptor, mostDocumentBytes } from './document.ts';
import { ImageError, quoted } from './image-error.ts';
import { manifestTypes } from './manifest.ts';
import { type Reference, referenceText } from './reference.ts';
import type { RegistryHost, RegistryQuestion } from './registry-host.ts';
import { type RetryOptions, retried } from './retry.ts';
import type { Blob, ImageSource } from './source.ts';
import { type Answer, bodyOf, gathered } from './transport.ts';

export type Retrying = Omit<RetryOptions, 'signal'>;

/** For what has a few KiB. */
const documentMs = 60_000;
const accept = manifestTypes.join(', ');

export class RegistrySource implements ImageSource {
  readonly name: string;
  readonly #reference: Reference;
  readonly #host: RegistryHost;
  readonly #retrying: Retrying;

  constructor(reference: Reference, host: RegistryHost, retrying: Retrying) {
    this.name = referenceText(reference);
    this.#reference = reference;
    this.#host = host;
    this.#retrying = retrying;
  }

  pinned(digest: Digest): string {
    return referenceText({ ...this.#reference, wanted: { digest } });
  }

  /** By HEAD, which costs a registry little (Docker Hub counts only GET); some do not say the digest there. */
  async digest(signal: AbortSignal, attempts?: number): Promise<Digest> {
    const { wanted } = this.#reference;
    if ('digest' in wanted) return wanted.digest;
    const attempt = async (signal: AbortSignal): Promise<Digest> => {
      const answer = await this.#ask({ method: 'HEAD', path: `manifests/${wanted.tag}`, absent: 'unknown', headers: { accept }, signal });
      answer.drop();
      const digest = answer.header('docker-content-digest');
      if (digest === undefined) return digestOf(await this.#document(wanted.tag, signal));
      if (isDigest(digest)) return digest;
      throw new ImageError('unavailable', `look up ${this.name}: the registry says its digest is ${quoted(digest)}`);
    };
    return await this.#tried(attempt, signal, attempts);
  }

  async manifest(digest: Digest, signal: AbortSignal): Promise<Buffer> {
    const document = await this.#tried((signal) => this.#document(digest, signal), signal);
    return verified(this.pinned(digest), digest, document);
  }

  async blob(blob: Descriptor, from: number, signal: AbortSignal): Promise<Blob> {
    const answer = await this.#ask({
      method: 'GET',
      path: `blobs/${blob.digest}`,
      absent: 'unavailable',
      headers: from > 0 ? { range: `bytes=${from}-` } : {},
      signal,
    });
    const what = `${blob.digest} of ${this.name}`;
    try {
      return { from: startOf(answer, blob, from), body: bodyOf(answer, what, signal) };
    } catch (cause) {
      answer.drop();
      throw new ImageError('unavailable', `read ${what}: ${cause instanceof Error ? cause.message : cause}`);
    }
  }

  async close(): Promise<void> {}

  async #document(reference: string, signal: AbortSignal): Promise<Buffer> {
    const what = `manifests/${reference} of ${this.name}`;
    const { wanted } = this.#reference;
    const absent = reference === ('tag' in wanted ? wanted.tag : wanted.digest) ? 'unknown' : 'unavailable';
    const answer = await this.#ask({ method: 'GET', path: `manifests/${reference}`, absent, headers: { accept }, signal });
    return await gathered(bodyOf(answer, what, signal), what, mostDocumentBytes);
  }

  #tried<T>(attempt: (signal: AbortSignal) => Promise<T>, signal: AbortSignal, attempts = this.#retrying.attempts): Promise<T> {
    return retried({ ...this.#retrying, attempts, signal }, () =>
      within({ what: `look up ${this.name}`, ms: documentMs, signal }, attempt),
    );
  }

  #ask(question: Omit<RegistryQuestion, 'repository'>): Promise<Answer> {
    return this.#host.ask({ ...question, repository: this.#reference.repository });
  }
}

/** Where the body of an answer begins in the blob. Throws what does not fit the blob's size, before a byte of it is read. */
function startOf({ status, header }: Answer, { size }: Descriptor, wanted: number): number {
  const length = header('content-length');
  let from = 0;
  if (status === 206) {
    const [, first, total] = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(header('content-range') ?? '') ?? [];
    if (Number(first) !== wanted || (total !== '*' && Number(total) !== size))
      throw new Error(
        `asked for the bytes from ${wanted} of ${size} on, the registry sends ${quoted(header('content-range') ?? 'others')}`,
      );
    from = wanted;
  }
  if (length !== undefined && Number(length) !== size - from)
    throw new Error(`it has ${size} bytes, of which the registry wants to send ${quoted(length)} from ${from} on`);
  return from;
}
