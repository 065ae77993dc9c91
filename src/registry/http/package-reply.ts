// Whether what a remote registry sends is a package at all: checks its head, and its bytes as they come. What is in the package is another matter
// (unpack.ts): only there it counts as the lambda's code.
import type { PackageLimits } from '../limits.ts';
import type { Reply } from './client.ts';
import { Failed } from './failed.ts';

/** A package is one file, in one of these forms. */
export type RemoteForm = 'archive' | 'file';

export interface Expected {
  readonly url: URL;
  readonly form: RemoteForm;
  readonly limits: PackageLimits;
}

/** So much of the body tells a package from a page. */
const sniffedBytes = 64;

/** Throws Failed. */
export function checkHead(reply: Reply, { url, form, limits }: Expected): void {
  const type = (reply.header('content-type') ?? '').split(';')[0]?.trim().toLowerCase() ?? '';
  if (/^(text\/(html|xml)|application\/(xhtml\+xml|xml|json))$/.test(type))
    throw new Failed(url, `it answers with ${type}, not with a package`);
  const encoding = (reply.header('content-encoding') ?? 'identity').trim().toLowerCase();
  // Some servers call a .tar.gz a tar with this encoding: the bytes are the file's all the same.
  if (encoding !== 'identity' && !(form === 'archive' && /^(x-)?gzip$/.test(encoding))) {
    throw new Failed(url, `it sends the package with Content-Encoding "${encoding.slice(0, 40)}", which was not asked for`);
  }
  const length = reply.header('content-length');
  if (length === undefined && !/\bchunked\b/i.test(reply.header('transfer-encoding') ?? '')) {
    throw new Failed(url, 'it tells neither the length of the package nor its end, so that a part of it would pass for the whole');
  }
  if (length !== undefined && Number(length) > mostBytes(form, limits)) throw tooLarge({ url, form, limits });
}

/** The same chunks; throws Failed as soon as they are no package. */
export async function* checkedBody(chunks: AsyncIterable<Buffer>, expected: Expected): AsyncGenerator<Buffer> {
  const { url, form, limits } = expected;
  const most = mostBytes(form, limits);
  let bytes = 0;
  let head = Buffer.alloc(0);
  for await (const chunk of chunks) {
    bytes += chunk.length;
    if (bytes > most) throw tooLarge(expected);
    if (head.length < sniffedBytes) {
      head = Buffer.concat([head, chunk.subarray(0, sniffedBytes - head.length)]);
      if (isOther(form, head))
        throw new Failed(url, form === 'archive' ? 'what it sends is not compressed by gzip' : 'it sends a page, not Python');
    }
    yield chunk;
  }
  if (bytes < 2 && form === 'archive') throw new Failed(url, 'it sends nothing');
}

/** gzip begins with its magic number; no Python begins with "<", but every page does. */
function isOther(form: RemoteForm, head: Buffer): boolean {
  return form === 'archive' ? head.length >= 2 && head.readUInt16BE(0) !== 0x1f8b : /^\s*</.test(head.toString());
}

/** A package is not larger than what comes out of it. */
function mostBytes(form: RemoteForm, limits: PackageLimits): number {
  return form === 'archive' ? limits.bytes : limits.fileBytes;
}

function tooLarge({ url, form, limits }: Expected): Failed {
  return new Failed(url, `it sends more than the ${mostBytes(form, limits)} bytes that a package may have`);
}
