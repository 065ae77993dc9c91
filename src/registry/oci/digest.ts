// What names a manifest, a configuration, a layer: the sha256 of its bytes. Everything that is pulled is checked against one.
import { createHash } from 'node:crypto';
import { ImageError } from './image-error.ts';

/** `sha256:` and 64 hex digits. */
export type Digest = `sha256:${string}`;

export function isDigest(text: string): text is Digest {
  return /^sha256:[0-9a-f]{64}$/.test(text);
}

export function digestOf(bytes: Uint8Array): Digest {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

export function hexOf(digest: Digest): string {
  return digest.slice('sha256:'.length);
}

/** `bytes`, if they are what `digest` names. Whoever sends something else may mend it, so that nothing follows from it for the image. */
export function verified(what: string, digest: Digest, bytes: Buffer): Buffer {
  const got = digestOf(bytes);
  if (got === digest) return bytes;
  throw new ImageError('unavailable', `read ${what}: what came has the digest ${got}, not ${digest}`);
}
