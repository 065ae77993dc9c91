// Images in a directory in OCI layout, gone when the test is.
import type { TestContext } from 'node:test';
import { scratch, write } from '../rig.ts';
import { json, type MadeImage } from './made-image.ts';

/** By their tags. */
export function makeLayout(t: TestContext, images: Readonly<Record<string, Pick<MadeImage, 'digest' | 'manifest' | 'blobs'>>>): string {
  const dir = scratch(t);
  const manifests = Object.entries(images).map(([tag, image]) => ({
    mediaType: String(JSON.parse(image.manifest.toString()).mediaType),
    digest: image.digest,
    size: image.manifest.length,
    annotations: { 'org.opencontainers.image.ref.name': tag },
  }));
  write(dir, { 'oci-layout': '{"imageLayoutVersion":"1.0.0"}', 'index.json': json({ schemaVersion: 2, manifests }) });
  for (const { manifest, digest, blobs } of Object.values(images))
    for (const [name, blob] of [[digest, manifest] as const, ...blobs]) write(dir, { [`blobs/sha256/${name.slice(7)}`]: blob });
  return dir;
}
