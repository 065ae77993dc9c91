// What this node remembers of images: which manifest a name meant when it was pulled, and what the image consists of. A small file a name, so that images
// that are on the node can be used while their registry is down, after a restart, too. That their layers are there is for others to find out.
import { createHash, randomUUID } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { digest } from './document.ts';

const words = z.array(z.string()).readonly();
const schema = z.object({
  /** As asked for, in full. */
  name: z.string(),
  /** What the name meant: a manifest, or an index of several. */
  meant: digest,
  /** The manifest for this platform. */
  digest,
  /** `host/repository@digest` */
  reference: z.string(),
  /** Of the layers' tars, lowest first, each once. */
  diffIds: z.array(digest).readonly(),
  config: z.object({ environment: words, workingDir: z.string(), entrypoint: words, command: words, user: z.string() }),
});
export type ImageRecord = Readonly<z.output<typeof schema>>;

export class ImageRecords {
  readonly #dir: string;
  readonly #records = new Map<string, ImageRecord>();

  /** Files that cannot be read are removed: at worst something is pulled again. */
  constructor(dir: string) {
    this.#dir = dir;
    mkdirSync(dir, { recursive: true });
    for (const name of readdirSync(dir)) {
      const record = recordIn(join(dir, name));
      if (record !== undefined && this.#path(record.name) === join(dir, name)) this.#records.set(record.name, record);
      else rmSync(join(dir, name), { recursive: true, force: true });
    }
  }

  get(name: string): ImageRecord | undefined {
    return this.#records.get(name);
  }

  put(record: ImageRecord): void {
    const temporary = join(this.#dir, `tmp-${randomUUID()}`);
    writeFileSync(temporary, JSON.stringify(record));
    renameSync(temporary, this.#path(record.name));
    this.#records.set(record.name, record);
  }

  delete(name: string): void {
    if (this.#records.delete(name)) rmSync(this.#path(name), { force: true });
  }

  #path(name: string): string {
    return join(this.#dir, `${createHash('sha256').update(name).digest('hex')}.json`);
  }
}

function recordIn(path: string): ImageRecord | undefined {
  try {
    return schema.safeParse(JSON.parse(readFileSync(path, 'utf8'))).data;
  } catch {
    return undefined;
  }
}
