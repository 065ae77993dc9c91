// An image in an archive of `docker save`: a tar of layers, configurations, and a manifest.json that says which are whose. Its layers have no digests of
// their own there; they get those of their bytes, and the configuration says what these must unpack to.
import { rm } from 'node:fs/promises';
import { posix } from 'node:path';
import { z } from 'zod';
import { type Digest, digestOf } from './digest.ts';
import { type Descriptor, mostDocumentBytes, parsed } from './document.ts';
import { ImageError, quoted } from './image-error.ts';
import { localBlob, localDocument } from './local-blob.ts';
import { type Member, type SavedArchive, unpackArchive } from './saved-archive.ts';
import type { Blob, ImageSource } from './source.ts';

const contents = z.array(z.object({ Config: z.string(), RepoTags: z.array(z.string()).nullish(), Layers: z.array(z.string()) }));
type Saved = z.output<typeof contents>[number];

export interface ArchiveOptions extends SavedArchive {
  /** One of its RepoTags; without one there must be one image only. */
  readonly reference: string | undefined;
}

const types: Readonly<Record<Member['packed'], string>> = {
  gzip: 'application/vnd.oci.image.layer.v1.tar+gzip',
  zstd: 'application/vnd.oci.image.layer.v1.tar+zstd',
  no: 'application/vnd.oci.image.layer.v1.tar',
};

export class ArchiveSource implements ImageSource {
  readonly name: string;
  readonly #options: ArchiveOptions;
  readonly #paths = new Map<Digest, string>();
  #manifest = Buffer.of();

  constructor(options: ArchiveOptions) {
    const { path, reference } = options;
    this.name = `docker-archive:${path}${reference === undefined ? '' : `:${reference}`}`;
    this.#options = options;
  }

  pinned(digest: Digest): string {
    return `docker-archive:${this.#options.path}@${digest}`;
  }

  /** Of the manifest that the image would have in a registry. The same archive always has the same. */
  async digest(signal: AbortSignal): Promise<Digest> {
    const members = await unpackArchive(this.#options, signal);
    const member = (name: string): Member => {
      const found = members.get(posix.normalize(name));
      if (found === undefined) throw new ImageError('invalid', `read "${this.#options.path}": it has no member ${quoted(name)}`);
      this.#paths.set(found.digest, found.path);
      return found;
    };
    const listed = parsed('manifest.json', contents, await localDocument(member('manifest.json').path, mostDocumentBytes));
    const { Config, Layers } = this.#chosen(listed);
    const described = (name: string, mediaType?: string): Descriptor => {
      const { digest, size, packed } = member(name);
      return { mediaType: mediaType ?? types[packed], digest, size };
    };
    const config = described(Config, 'application/vnd.oci.image.config.v1+json');
    const manifest = { schemaVersion: 2, config, layers: Layers.map((name) => described(name)) };
    this.#manifest = Buffer.from(JSON.stringify(manifest));
    return digestOf(this.#manifest);
  }

  async manifest(): Promise<Buffer> {
    return this.#manifest;
  }

  async blob({ digest }: Descriptor, from: number): Promise<Blob> {
    return await localBlob(this.#paths.get(digest) ?? '', from);
  }

  async close(): Promise<void> {
    await rm(this.#options.into, { recursive: true, force: true });
  }

  #chosen(listed: readonly Saved[]): Saved {
    const { reference } = this.#options;
    const found = listed.filter(({ RepoTags }) => reference === undefined || RepoTags?.includes(reference));
    const [only] = found;
    if (only !== undefined && found.length === 1) return only;
    const choice = quoted(listed.flatMap(({ RepoTags }) => RepoTags ?? []).join(', '));
    throw new ImageError(
      'unknown',
      `look up ${this.name}: it names ${found.length} of the ${listed.length} images there (docker-archive:/path:name:tag; there are ${choice})`,
    );
  }
}
