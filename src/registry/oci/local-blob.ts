// A blob, or a document, that is a file of this node.
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { ImageError } from './image-error.ts';
import type { Blob } from './source.ts';
import { gathered } from './transport.ts';

const chunkBytes = 1 << 18;

/** O_NONBLOCK: a fifo must not hang the reader. Rejects with ImageError `unavailable`. */
export async function localBlob(path: string, from: number): Promise<Blob> {
  try {
    const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const body = file.createReadStream({ start: from, highWaterMark: chunkBytes });
    if ((await file.stat()).isFile()) return { from, body };
    body.destroy();
  } catch (cause) {
    throw new ImageError('unavailable', `read "${path}": ${cause instanceof Error ? cause.message : cause}`, cause);
  }
  throw new ImageError('unavailable', `read "${path}": it is no file`);
}

export async function localDocument(path: string, most: number): Promise<Buffer> {
  return await gathered((await localBlob(path, 0)).body, `"${path}"`, most);
}
