// Reads the JSON of manifests, configurations and indexes: the shape that is expected, or a clear refusal.
import { z } from 'zod';
import { type Digest, isDigest } from './digest.ts';
import { ImageError } from './image-error.ts';

/** Bytes of a manifest, of an index, of a configuration. Docker refuses above 4 MiB, too; real ones have some KiB. */
export const mostDocumentBytes = 4 << 20;

export const digest = z.string().refine((text): text is Digest => isDigest(text), 'expected sha256: and 64 hex digits');

const descriptorShape = {
  mediaType: z.string().max(255),
  digest,
  size: z
    .int()
    .min(0)
    .max(2 ** 42),
};
export const descriptor = z.object(descriptorShape);
export type Descriptor = Readonly<z.output<typeof descriptor>>;

/** Words that go to programs: a NUL would cut them. */
export const word = z.string().refine((text) => !text.includes('\0'), 'expected a text without NUL');

/** Throws ImageError `invalid`: the bytes are what their digest says. */
export function parsed<T extends z.ZodType>(what: string, schema: T, bytes: Buffer): z.output<T> {
  let value: unknown;
  try {
    value = JSON.parse(bytes.toString('utf8'));
  } catch (cause) {
    throw new ImageError('invalid', `read ${what}: it is no JSON`, cause);
  }
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const { path, message } = result.error.issues[0] ?? { path: [], message: 'unknown' };
  throw new ImageError('invalid', `read ${what}: ${path.map(String).join('.').slice(0, 100) || 'it'}: ${message}`);
}
