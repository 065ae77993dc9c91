// A registry of lambdas that are images: the lambda `<name>` is `<prefix>/<name>:latest`. Used by lambda/ through resolve(). What is on the node goes on
// while a newer image is on its way, and while the registry is down.
import { WorkerError } from '../../errors.ts';
import type { Code } from '../../sandbox/sandbox.ts';
import { checkName } from '../entry.ts';
import type { Resolved } from '../registry.ts';
import type { KeptRegistry } from '../source-of-code.ts';
import { asWorkerError, ImageError, quoted } from './image-error.ts';
import type { Images } from './images.ts';
import type { ImageRecord } from './records.ts';
import { isHost, isRepository, parseReference, referenceText } from './reference.ts';

export interface OciRegistryOptions {
  /** `oci://host[:port][/prefix]` */
  readonly url: string;
  /** Not closed with the registry. */
  readonly images: Images;
  /** How long whoever has an image waits to hear of a newer one, ms; Infinity: for that image, or what is wrong with it. */
  readonly patienceMs?: number;
  /** For how long, ms, a lambda that could not be had is not asked for again. */
  readonly missMs?: number;
  /** What is wrong with a newer image, or with asking for one, while the one that is here goes on. */
  warn(text: string, cause: unknown): void;
}

/** What is here of a lambda, its layers retained. */
interface Latest {
  readonly code: Resolved;
  readonly record: ImageRecord;
}

interface Look {
  readonly found: Promise<Resolved>;
  /** When it takes longer than whoever has an image waits for it. */
  readonly late: Promise<void>;
  isLate: boolean;
}

const [defaultPatienceMs, defaultMissMs] = [3000, 1000];
/** For how long an image that cannot be run is not pulled again; it may have been for want of time or memory. */
const refusedMs = 60_000;
/** Names come from strangers: no more than so many of those that are not to be had are remembered. */
const mostMisses = 1000;

export class OciRegistry implements KeptRegistry {
  readonly #options: OciRegistryOptions;
  readonly #prefix: string;
  readonly #patienceMs: number;
  readonly #latest = new Map<string, Latest>();
  readonly #looks = new Map<string, Look>();
  readonly #misses = new Map<string, { readonly error: WorkerError; readonly until: number }>();
  readonly #refused = new Map<string, { readonly error: ImageError; readonly meant: string; readonly until: number }>();
  /** What warn() was told last, by lambda: it is told once, not at each look. */
  readonly #warned = new Map<string, string>();
  readonly #records = new WeakMap<Code, ImageRecord>();
  readonly #closing = new AbortController();
  /** The last look went well: the next one is worth waiting for. */
  #isWell = true;

  /** Throws an Error for the operator. */
  constructor(options: OciRegistryOptions) {
    this.#options = options;
    this.#prefix = prefixOf(options.url);
    this.#patienceMs = options.patienceMs ?? defaultPatienceMs;
  }

  /** As CodeRegistry has it. What is given is retained here, too, until it is no longer the newest. */
  resolve(name: string): Resolved | Promise<Resolved> {
    checkName(name);
    if (!isRepository(repositoryOf(`${this.#prefix}/${name}`))) throw new WorkerError('lambda-unknown');
    const image = referenceText(parseReference(`${this.#prefix}/${name}`));
    const kept = this.#latest.get(name) ?? this.#remembered(name, image);
    const miss = this.#misses.get(name);
    if (kept === undefined && miss !== undefined && performance.now() < miss.until) throw miss.error;
    const look = this.#looks.get(name) ?? this.#begin(name, image);
    if (kept === undefined || this.#patienceMs === Number.POSITIVE_INFINITY) return look.found;
    return this.#isWell && !look.isLate ? unlessLate(look, kept.code) : kept.code;
  }

  /** Whether it is on the node, or was when it was last looked for. */
  has(name: string): boolean {
    return this.#latest.has(name);
  }

  /** Keeps what resolve() gave on the node until as many release(). */
  retain(code: Code): void {
    this.#options.images.retain(this.#record(code));
  }

  release(code: Code): void {
    this.#options.images.release(this.#record(code));
  }

  /** Pulls that are under way end. */
  async close(): Promise<void> {
    this.#closing.abort(new ImageError('unavailable', 'look for an image: the worker is stopping'));
    await Promise.allSettled([...this.#looks.values()].map(({ found }) => found));
    for (const { record } of this.#latest.values()) this.#options.images.release(record);
    this.#latest.clear();
  }

  #record(code: Code): ImageRecord {
    const record = this.#records.get(code);
    if (record === undefined) throw new Error(`hold the image ${code.digest}: it is not from this registry`);
    return record;
  }

  /** What an earlier worker has pulled. */
  #remembered(name: string, image: string): Latest | undefined {
    const record = this.#options.images.here(image);
    return record && this.#keep(name, record);
  }

  #begin(name: string, image: string): Look {
    let patience: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      if (this.#patienceMs !== Number.POSITIVE_INFINITY) patience = setTimeout(resolve, this.#patienceMs);
    });
    const found = this.#look(name, image).finally(() => {
      clearTimeout(patience);
      this.#looks.delete(name);
    });
    found.catch(() => {}); // told to whoever waits for it, if anybody does, or to warn()
    const look = { found, late, isLate: false };
    void late.then(() => (look.isLate = true));
    this.#looks.set(name, look);
    return look;
  }

  async #look(name: string, image: string): Promise<Resolved> {
    const { images } = this.#options;
    const { signal } = this.#closing;
    let meant = '';
    try {
      const source = images.source(image);
      const latest = this.#latest.get(name);
      const isPatient = latest === undefined || this.#patienceMs === Number.POSITIVE_INFINITY;
      const digest = await source.digest(signal, isPatient ? undefined : 1);
      meant = digest;
      const refused = this.#refused.get(name);
      if (refused?.meant === meant && performance.now() < refused.until) throw refused.error;
      const code =
        latest?.record.meant === meant ? latest.code : this.#keep(name, await images.pull(source, { meant: digest, signal })).code;
      this.#isWell = true;
      for (const problems of [this.#misses, this.#refused, this.#warned]) problems.delete(name);
      return code;
    } catch (cause) {
      throw this.#failed(name, image, { cause, meant });
    }
  }

  #failed(name: string, image: string, { cause, meant }: { cause: unknown; meant: string }): WorkerError {
    const error = asWorkerError(cause);
    this.#isWell = error.code !== 'registry-unavailable';
    if (error.code === 'lambda-unknown') this.#drop(name, image);
    else if (this.#latest.has(name) && !this.#closing.signal.aborted) this.#warn(name, `${error.code} ${meant}`, cause);
    if (cause instanceof ImageError && cause.at === 'invalid' && this.#refused.get(name)?.error !== cause)
      this.#refused.set(name, { error: cause, meant, until: performance.now() + refusedMs });
    if (this.#misses.size >= mostMisses) this.#misses.clear();
    this.#misses.set(name, { error, until: performance.now() + (this.#options.missMs ?? defaultMissMs) });
    return error;
  }

  #warn(name: string, problem: string, cause: unknown): void {
    if (this.#warned.get(name) === problem) return;
    this.#warned.set(name, problem);
    this.#options.warn(`look for a newer image of the lambda ${name}, ignoring: the one that is here goes on`, cause);
  }

  /** Takes over the record's retention. */
  #keep(name: string, record: ImageRecord): Latest {
    const { images } = this.#options;
    const old = this.#latest.get(name);
    const code: Resolved = { digest: record.digest.slice('sha256:'.length), dir: '', image: images.image(record), stamp: record.meant };
    const latest = { code, record };
    this.#records.set(code, record);
    this.#latest.set(name, latest);
    if (old !== undefined) images.release(old.record);
    return latest;
  }

  #drop(name: string, image: string): void {
    const latest = this.#latest.get(name);
    this.#latest.delete(name);
    for (const problems of [this.#refused, this.#warned]) problems.delete(name);
    this.#options.images.forget(image);
    if (latest !== undefined) this.#options.images.release(latest.record);
  }
}

/** What is found, or `kept`: if that takes longer, or if it fails; but not if there is no such lambda any more. */
async function unlessLate({ found, late }: Look, kept: Resolved): Promise<Resolved> {
  try {
    return await Promise.race([found, late.then(() => kept)]);
  } catch (error) {
    if (error instanceof WorkerError && error.code === 'lambda-unknown') throw error;
    return kept;
  }
}

function prefixOf(url: string): string {
  const prefix = /^oci:\/\/(.+?)\/?$/i.exec(url)?.[1] ?? '';
  const [host = ''] = prefix.split('/');
  if (isHost(host) && (prefix === host || isRepository(repositoryOf(prefix)))) return prefix;
  throw new Error(
    `read the registry ${quoted(url)}: expected oci://host[:port]/prefix (lower-case letters and digits, with ".", "_", "-" and "/" between them)`,
  );
}

function repositoryOf(image: string): string {
  return image.slice(image.indexOf('/') + 1);
}
