// One tar header: which kinds of members an archive may have, and what becomes of those of a package.
import type { Header } from 'tar-stream';
import type { PackageLimits } from './limits.ts';
import { memberPath } from './member-path.ts';
import type { PackageWriter } from './package-writer.ts';
import { quoted, Refusal } from './refusal.ts';

export type MemberType = 'file' | 'directory' | 'symlink' | 'link';

/**
 * Writes the member, or begins it: after 'begun' its body goes to writer.write(), then writer.endFile(). Owner, extended attributes, and every
 * mode bit but "executable" are dropped.
 */
export function addMember(header: Header, writer: PackageWriter, limits: PackageLimits): 'complete' | 'begun' {
  const path = memberPath(header.name, limits);
  switch (checkedType(header, limits)) {
    case 'file':
      writer.file(path, { executable: (header.mode & 0o111) !== 0, mtime: mtimeOf(header) });
      return 'begun';
    case 'directory':
      writer.directory(path);
      return 'complete';
    case 'symlink':
      writer.symlink(path, linkOf(header));
      return 'complete';
    case 'link':
      writer.hardlink(path, hardlinkTarget(header, limits, memberPath));
      return 'complete';
  }
}

/** Refuses devices, sparse files, what claims to have too many bytes, and bodies of what is no file: tar-stream never ends such a one. */
export function checkedType(header: Header, limits: { readonly bytes: number }): MemberType {
  const { name, size } = header;
  const type = typeOf(header);
  if (isSparse(header)) throw new Refusal('is a sparse file', name);
  if (type !== 'file' && size > 0) throw new Refusal(`is a ${type ?? 'special file'} with data`, name);
  if (size > limits.bytes) throw new Refusal(`has more than ${limits.bytes} bytes`, name);
  if (type === 'file' || type === 'directory' || type === 'symlink' || type === 'link') return type;
  throw new Refusal(type === null ? 'is sparse or of an unknown type' : 'is neither file, directory nor link', name);
}

/** '' if it has none. */
export function linkOf({ linkname }: Header): string {
  return (linkname as string | null) ?? ''; // null if it has none, whatever the types say
}

/** Hard links name their target from the archive's root. */
export function hardlinkTarget<Limits>(header: Header, limits: Limits, pathOf: (name: string, limits: Limits) => string): string {
  const target = linkOf(header);
  try {
    return pathOf(target, limits);
  } catch (cause) {
    throw new Refusal(`is a hard link to ${quoted(target)}, which no member can be named`, header.name, cause);
  }
}

/** Old archives tell directories by a slash at the end of the name only; null is a type that tar-stream does not know. */
function typeOf({ name, type }: Header): Header['type'] | null {
  return type === 'file' && name.endsWith('/') ? 'directory' : type;
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
