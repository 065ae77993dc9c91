// An image in a directory in OCI layout (github.com/opencontainers/image-spec, image-layout.md), as skopeo, buildah and umoci write it.
import { join } from 'node:path';
import { type Digest, hexOf, verified } from './digest.ts';
import { type Descriptor, mostDocumentBytes } from './document.ts';
import { ImageError, quoted } from './image-error.ts';
import { localBlob, localDocument } from './local-blob.ts';
import { parseManifest } from './manifest.ts';
import type { Blob, ImageSource } from './source.ts';

const tagAnnotation = 'org.opencontainers.image.ref.name';

export class LayoutSource implements ImageSource {
  readonly name: string;
  readonly #dir: string;
  readonly #tag: string | undefined;

  /** Without a tag there must be one image only. */
  constructor(dir: string, tag: string | undefined) {
    this.name = `oci:${dir}${tag === undefined ? '' : `:${tag}`}`;
    this.#dir = dir;
    this.#tag = tag;
  }

  pinned(digest: Digest): string {
    return `oci:${this.#dir}@${digest}`;
  }

  async digest(): Promise<Digest> {
    const path = join(this.#dir, 'index.json');
    const index = parseManifest(`"${path}"`, await localDocument(path, mostDocumentBytes));
    if (index.at !== 'index') throw new ImageError('invalid', `read "${path}": it is no index`);
    const tags = index.manifests.map(({ annotations }) => annotations?.[tagAnnotation]);
    const found = index.manifests.filter((_, at) => this.#tag === undefined || tags[at] === this.#tag);
    const [only] = found;
    if (only !== undefined && found.length === 1) return only.digest;
    const choice = quoted(tags.filter((tag) => tag !== undefined).join(', '));
    throw new ImageError(
      'unknown',
      `look up ${this.name}: it names ${found.length} of the ${tags.length} images there (oci:/path:tag; tags: ${choice})`,
    );
  }

  async manifest(digest: Digest): Promise<Buffer> {
    return verified(this.pinned(digest), digest, await localDocument(this.#path(digest), mostDocumentBytes));
  }

  async blob({ digest }: Descriptor, from: number): Promise<Blob> {
    return await localBlob(this.#path(digest), from);
  }

  async close(): Promise<void> {}

  #path(digest: Digest): string {
    return join(this.#dir, 'blobs', 'sha256', hexOf(digest));
  }
}
