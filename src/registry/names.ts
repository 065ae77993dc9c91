// Which digest each lambda has, kept over restarts as links: `<dir>/<lambda> -> ../<digest>`. The map in memory is what counts; the links are
// written later, off the path of a request. One that is lost costs another copy of the code after the next start, one that is stale nothing.
import { mkdirSync, readdirSync, readlinkSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { basename, join } from 'node:path';

export class Names {
  readonly #dir: string;
  readonly #digests = new Map<string, string>();
  readonly #unsaved = new Set<string>();

  constructor(dir: string) {
    this.#dir = dir;
    mkdirSync(dir, { recursive: true });
    for (const entry of readdirSync(dir, { withFileTypes: true })) {
      if (entry.isSymbolicLink()) this.#digests.set(entry.name, basename(readlinkSync(join(dir, entry.name))));
    }
  }

  get(lambda: string): string | undefined {
    return this.#digests.get(lambda);
  }

  /** A copy: the map may be changed while going through it. */
  entries(): readonly (readonly [lambda: string, digest: string])[] {
    return [...this.#digests];
  }

  set(lambda: string, digest: string): void {
    this.#digests.set(lambda, digest);
    this.#unsaved.add(lambda);
  }

  delete(lambda: string): void {
    this.#digests.delete(lambda);
    this.#unsaved.add(lambda);
  }

  /** Writes what changed. `temporary` gives a path on the same file system for each link. */
  save(temporary: () => string): void {
    for (const lambda of this.#unsaved) {
      this.#unsaved.delete(lambda);
      const digest = this.#digests.get(lambda);
      const link = join(this.#dir, lambda);
      if (digest === undefined) {
        rmSync(link, { force: true });
      } else {
        const fresh = temporary();
        symlinkSync(join('..', digest), fresh);
        renameSync(fresh, link);
      }
    }
  }
}
