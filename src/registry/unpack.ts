// Gets one package into the store's format: the steps are the same for every form and for every thread.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { PackageLimits } from './limits.ts';
import { PackageWriter } from './package-writer.ts';
import { Changed, Refusal } from './refusal.ts';
import { isSettled, type PlainSource, type Source } from './source.ts';
import { type Unwritten, unwrittenBy } from './unstored.ts';

export interface UnpackJob {
  /** The stamp of what the caller already has, if it is still good. */
  readonly known: string | undefined;
  /** The store's directory: a package whose digest is there is not written again. */
  readonly store: string;
  /** An empty directory to unpack into; called only when it is needed. */
  readonly temporary: () => string;
  readonly limits: PackageLimits;
  /** The time of day, milliseconds since 1970; not later than the call. */
  readonly now: number;
}

/** Plain data: crosses threads. */
export type Unpacked =
  | { readonly at: 'unchanged' }
  /** `settled`: an equal stamp later means equal content. */
  | { readonly at: 'stored'; readonly digest: string; readonly stamp: string; readonly settled: boolean }
  | { readonly at: 'unpacked'; readonly digest: string; readonly stamp: string; readonly settled: boolean; readonly dir: string }
  /** It was written to while it was read; nothing of the result counts. */
  | { readonly at: 'changed' }
  /** `stamp` is undefined when it proves nothing later. */
  | { readonly at: 'refused'; readonly detail: string; readonly stamp: string | undefined }
  /** It took more time or memory than a thread has for one package; on an idle machine that may be another story. */
  | { readonly at: 'exhausted'; readonly detail: string }
  /** It could not be written: this node's fault. */
  | ({ readonly at: 'unstored' } & Unwritten)
  /** The registry's fault, as a rule. */
  | { readonly at: 'failed'; readonly message: string };

export async function unpack(source: Source, job: UnpackJob): Promise<Unpacked> {
  const reading = new Reading(source, job);
  try {
    const early = reading.begin();
    return early ?? reading.end(await source.copy(reading.writer()));
  } catch (error) {
    return reading.fail(error);
  } finally {
    reading.close();
  }
}

/** The same without a turn of the event loop, for packages that are small. */
export function unpackNow(source: PlainSource, job: UnpackJob): Unpacked {
  const reading = new Reading(source, job);
  try {
    const early = reading.begin();
    return early ?? reading.end(source.copy(reading.writer()));
  } catch (error) {
    return reading.fail(error);
  } finally {
    reading.close();
  }
}

/**
 * The stamp before, the digest, the copy with a digest of its own, the stamp after. Only when both digests and both stamps agree was there one
 * moment at which the source was what the copy is.
 */
class Reading {
  readonly #source: Source;
  readonly #job: UnpackJob;
  #stamp: string | undefined;
  #settled = false;
  #digest = '';
  #dir = '';
  #writer: PackageWriter | undefined;

  constructor(source: Source, job: UnpackJob) {
    this.#source = source;
    this.#job = job;
  }

  begin(): Unpacked | undefined {
    const stamp = this.#source.stamp();
    this.#stamp = stamp.text;
    this.#settled = isSettled(stamp, this.#job.now);
    if (stamp.text === this.#job.known) return { at: 'unchanged' };
    this.#digest = this.#source.digest();
    if (!existsSync(join(this.#job.store, this.#digest))) return undefined;
    if (this.#moved()) return { at: 'changed' };
    return { at: 'stored', digest: this.#digest, stamp: stamp.text, settled: this.#settled };
  }

  writer(): PackageWriter {
    this.#dir = this.#job.temporary();
    this.#writer = new PackageWriter(this.#dir, this.#job.limits);
    return this.#writer;
  }

  end(copied: string): Unpacked {
    if (copied !== this.#digest || this.#stamp === undefined || this.#moved()) return { at: 'changed' };
    this.#writer?.finish();
    return { at: 'unpacked', digest: this.#digest, stamp: this.#stamp, settled: this.#settled, dir: this.#dir };
  }

  fail(error: unknown): Unpacked {
    if (error instanceof Changed) return { at: 'changed' };
    const unwritten = unwrittenBy(error, this.#job.store);
    if (unwritten !== undefined) return { at: 'unstored', ...unwritten };
    if (!(error instanceof Refusal)) return { at: 'failed', message: String(error) };
    // Half of a package that is being replaced is often refused; then the stamp has moved.
    if (this.#stamp !== undefined && this.#moved()) return { at: 'changed' };
    return { at: 'refused', detail: error.message, stamp: this.#settled ? this.#stamp : undefined };
  }

  close(): void {
    this.#writer?.close();
  }

  #moved(): boolean {
    try {
      return this.#source.stamp().text !== this.#stamp;
    } catch (error) {
      if (error instanceof Refusal) return false; // the same members that were refused before
      return true;
    }
  }
}
