// Unpacks a `docker save` archive, gzipped or not, into a flat directory: no name of a member becomes a path.
import { createHash } from 'node:crypto';
import { mkdir, open } from 'node:fs/promises';
import { join, posix } from 'node:path';
import { PassThrough } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { type Extract, extract } from 'tar-stream';
import type { Digest } from './digest.ts';
import { ImageError, quoted } from './image-error.ts';
import { localBlob } from './local-blob.ts';

export interface SavedArchive {
  readonly path: string;
  /** Must not be there; it is where the archive is unpacked. */
  readonly into: string;
  /** Of all that is in the archive. */
  readonly mostBytes: number;
}

export interface Member {
  readonly path: string;
  readonly digest: Digest;
  readonly size: number;
  readonly packed: 'gzip' | 'zstd' | 'no';
}

const mostMembers = 10_000;

/** By their names; links, which stand for layers that several images have, are what they lead to. Rejects with ImageError. */
export async function unpackArchive({ path, into, mostBytes }: SavedArchive, signal: AbortSignal): Promise<ReadonlyMap<string, Member>> {
  await mkdir(into, { recursive: true });
  const { body } = await localBlob(path, 0);
  const gunzip = (await isGzip(path)) ? createGunzip({ chunkSize: 1 << 18 }) : new PassThrough();
  const tar = extract();
  try {
    const [members] = await Promise.all([gather(tar, into, mostBytes), pipeline(body, gunzip, tar, { signal })]);
    return members;
  } catch (cause) {
    signal.throwIfAborted();
    if (cause instanceof ImageError || (cause instanceof Error && 'syscall' in cause)) throw cause;
    throw new ImageError(
      'invalid',
      `read "${path}": it is no intact archive of docker save (${cause instanceof Error ? cause.message : cause})`,
      cause,
    );
  }
}

async function gather(tar: Extract, into: string, mostBytes: number): Promise<ReadonlyMap<string, Member>> {
  const members = new Map<string, Member>();
  const links: (readonly [name: string, target: string])[] = [];
  let left = mostBytes;
  let entries = 0;
  for await (const entry of tar) {
    const { name, type, size, linkname } = entry.header;
    entries += 1;
    if (entries > mostMembers) throw new ImageError('invalid', `read an archive of docker save: it has more than ${mostMembers} members`);
    left -= size;
    if (left < 0)
      throw new ImageError('invalid', `read an archive of docker save: it has more than the ${mostBytes} bytes that image_store_mb allows`);
    if (type === 'file') members.set(posix.normalize(name), await written(entry, join(into, String(entries))));
    else if (size > 0)
      throw new ImageError('invalid', `read an archive of docker save: member ${quoted(name)} is ${type ?? 'special'} and has data`); // tar-stream never ends it
    else if (type === 'link') links.push([name, linkname ?? '']);
    else if (type === 'symlink') links.push([name, posix.join(posix.dirname(name), linkname ?? '')]);
  }
  for (const [name, target] of links) {
    const member = members.get(posix.normalize(target));
    if (member !== undefined) members.set(posix.normalize(name), member);
  }
  return members;
}

async function written(entry: AsyncIterable<unknown>, path: string): Promise<Member> {
  const hash = createHash('sha256');
  let size = 0;
  let magic = '';
  const file = await open(path, 'wx', 0o600);
  try {
    for await (const chunk of entry) {
      if (!(chunk instanceof Uint8Array)) throw new Error('read a tar archive: tar-stream gave something that is no buffer');
      if (size === 0) magic = Buffer.from(chunk.subarray(0, 4)).toString('hex');
      hash.update(chunk);
      await file.appendFile(chunk);
      size += chunk.length;
    }
  } finally {
    await file.close();
  }
  return {
    path,
    size,
    digest: `sha256:${hash.digest('hex')}`,
    packed: magic.startsWith('1f8b') ? 'gzip' : magic === '28b52ffd' ? 'zstd' : 'no',
  };
}

async function isGzip(path: string): Promise<boolean> {
  for await (const chunk of (await localBlob(path, 0)).body) return chunk[0] === 0x1f && chunk[1] === 0x8b;
  return false;
}
