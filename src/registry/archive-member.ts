// One tar header: which kinds of members a package may have, and what becomes of them.
import type { Header } from 'tar-stream';
import type { PackageLimits } from './limits.ts';
import { memberPath } from './member-path.ts';
import type { PackageWriter } from './package-writer.ts';
import { quoted, Refusal } from './refusal.ts';

/**
 * Writes the member, or begins it: after 'begun' its body goes to writer.write(), then writer.endFile(). Owner, extended attributes, and every
 * mode bit but "executable" are dropped.
 */
export function addMember(header: Header, writer: PackageWriter, limits: PackageLimits): 'complete' | 'begun' {
  const path = memberPath(header.name, limits);
  const { name, size, mode } = header;
  const type = typeOf(header);
  const linkname: string | null = header.linkname; // null if it has none, whatever the types say
  if (isSparse(header)) throw new Refusal('is a sparse file', name);
  // tar-stream never ends such a body, and no tar that packs code writes one.
  if (type !== 'file' && size > 0) throw new Refusal(`is a ${type ?? 'special file'} with data`, name);
  switch (type) {
    case 'file':
      if (size > limits.bytes) throw new Refusal(`has more than ${limits.bytes} bytes`, name);
      writer.file(path, { executable: (mode & 0o111) !== 0, mtime: mtimeOf(header) });
      return 'begun';
    case 'directory':
      writer.directory(path);
      return 'complete';
    case 'symlink':
      writer.symlink(path, linkname ?? '');
      return 'complete';
    case 'link':
      writer.hardlink(path, hardlinkTarget(name, linkname ?? '', limits));
      return 'complete';
    default:
      throw new Refusal(type === null ? 'is sparse or of an unknown type' : 'is neither file, directory nor link', name);
  }
}

/** Old archives tell directories by a slash at the end of the name only; null is a type that tar-stream does not know. */
function typeOf({ name, type }: Header): Header['type'] | null {
  return type === 'file' && name.endsWith('/') ? 'directory' : type;
}

/** Hard links name their target from the package's root. */
function hardlinkTarget(name: string, linkname: string, limits: PackageLimits): string {
  try {
    return memberPath(linkname, limits);
  } catch (cause) {
    throw new Refusal(`is a hard link to ${quoted(linkname)}, which no member can be named`, name, cause);
  }
}

/** GNU's own format has a type for sparse files (unknown to tar-stream), PAX has records; their bodies are not the file's content. */
function isSparse({ pax }: Header): boolean {
  return typeof pax === 'object' && pax !== null && Object.keys(pax).some((key) => key.startsWith('GNU.sparse.'));
}

/** Seconds; 32 bits of them, since a .pyc has no more. */
function mtimeOf({ mtime }: Header): number {
  const seconds = Math.floor(mtime.getTime() / 1000);
  return seconds >= 0 && seconds <= 0xffff_ffff ? seconds : 0;
}
