// Images made by hand, piece by piece.
import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import type { Digest } from '../../../../src/registry/oci/digest.ts';
import { thisPlatform } from '../../../../src/registry/oci/platform.ts';
import { type Member, tar } from '../archives.ts';

export interface MadeImage {
  /** Of the manifest. */
  readonly digest: Digest;
  readonly manifest: Buffer;
  readonly config: Buffer;
  /** All of it but the manifest, by digest. */
  readonly blobs: ReadonlyMap<Digest, Buffer>;
  readonly diffIds: readonly Digest[];
  /** Compressed, lowest first. */
  readonly layers: readonly Buffer[];
}

export interface MakeOptions {
  /** Each a tar of these; lowest first. */
  readonly layers?: readonly (readonly Member[])[];
  /** What its configuration says beside rootfs. */
  readonly config?: object;
  readonly kind?: 'oci' | 'docker';
  /** How its layers are compressed, and what that makes their type. */
  readonly packing?: { pack(tar: Buffer): Buffer; readonly type: string };
  /** What the manifest says otherwise. */
  readonly manifest?: object;
}

export const types = {
  oci: {
    manifest: 'application/vnd.oci.image.manifest.v1+json',
    index: 'application/vnd.oci.image.index.v1+json',
    config: 'application/vnd.oci.image.config.v1+json',
    layer: 'application/vnd.oci.image.layer.v1.tar+gzip',
  },
  docker: {
    manifest: 'application/vnd.docker.distribution.manifest.v2+json',
    index: 'application/vnd.docker.distribution.manifest.list.v2+json',
    config: 'application/vnd.docker.container.image.v1+json',
    layer: 'application/vnd.docker.image.rootfs.diff.tar.gzip',
  },
} as const;

export function sha256(bytes: Uint8Array): Digest {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

export function json(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value));
}

/** Its layers have a file each that no other image has, unless they are given. */
export function makeImage({
  layers,
  config = {},
  kind = 'oci',
  packing = { pack: gzipSync, type: types[kind].layer },
  manifest = {},
}: MakeOptions = {}): MadeImage {
  const tars = (layers ?? [[{ name: 'etc/name', content: 'one' }], [{ name: 'handler/f.py', content: String(Math.random()) }]]).map(
    (members) => tar(members),
  );
  const packed = tars.map((bytes) => packing.pack(bytes));
  const diffIds = tars.map(sha256);
  const configured = json({ ...thisPlatform, ...config, rootfs: { type: 'layers', diff_ids: diffIds } });
  const made = json({
    schemaVersion: 2,
    mediaType: types[kind].manifest,
    config: { mediaType: types[kind].config, digest: sha256(configured), size: configured.length },
    layers: packed.map((blob) => ({ mediaType: packing.type, digest: sha256(blob), size: blob.length })),
    ...manifest,
  });
  const blobs = new Map([configured, ...packed].map((blob) => [sha256(blob), blob]));
  return { digest: sha256(made), manifest: made, config: configured, blobs, diffIds, layers: packed };
}

export function makeIndex(
  entries: readonly { readonly image: Pick<MadeImage, 'digest' | 'manifest'>; readonly platform?: object; readonly type?: string }[],
): Buffer {
  const manifests = entries.map(({ image, platform, type = types.oci.manifest }) => ({
    mediaType: type,
    digest: image.digest,
    size: image.manifest.length,
    ...(platform !== undefined && { platform }),
  }));
  return json({ schemaVersion: 2, mediaType: types.oci.index, manifests });
}
