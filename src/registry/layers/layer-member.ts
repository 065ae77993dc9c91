// One tar header of a layer: what becomes of it.
import type { Header } from 'tar-stream';
import { checkedType, hardlinkTarget, linkOf } from '../archive-member.ts';
import { relativePath } from '../member-path.ts';
import { Refusal } from '../refusal.ts';
import type { LayerLimits } from './layer-limits.ts';
import type { LayerWriter, Traits } from './layer-writer.ts';
import { whiteoutOf } from './whiteout.ts';

/** 2^32 - 1 would mean "as it is" to chown(2). */
const mostId = 0xffff_fffe;
/** What the kernel takes as a link's target: PATH_MAX with its NUL. */
const targetBytes = 4095;

/** Writes the member, or begins it: after 'begun' its body goes to writer.write(), then writer.endFile(). Extended attributes are dropped. */
export function addLayerMember(header: Header, writer: LayerWriter, limits: LayerLimits): 'complete' | 'begun' {
  const path = relativePath(header.name, limits);
  const type = checkedType(header, limits);
  const whiteout = whiteoutOf(path);
  if (whiteout !== undefined) {
    if (type !== 'file' || header.size > 0) throw new Refusal('is a whiteout, but no empty file', header.name);
    writer.whiteout(whiteout);
    return 'complete';
  }
  switch (type) {
    case 'file':
      writer.file(path, traitsOf(header));
      return 'begun';
    case 'directory':
      writer.directory(path, traitsOf(header));
      return 'complete';
    case 'symlink':
      writer.symlink(path, symlinkTarget(header), traitsOf(header));
      return 'complete';
    case 'link':
      writer.hardlink(path, hardlinkTarget(header, limits, relativePath));
      return 'complete';
  }
}

/** Where it leads is nobody's business here: nothing follows it before it is inside a sandbox. */
function symlinkTarget(header: Header): string {
  const target = linkOf(header);
  if (target === '' || target.includes('\0')) throw new Refusal('is a link without a usable target', header.name);
  if (target.includes('\uFFFD')) throw new Refusal('is a link to a path that is not UTF-8', header.name);
  if (Buffer.byteLength(target) > targetBytes) throw new Refusal(`is a link to a path of more than ${targetBytes} bytes`, header.name);
  return target;
}

/** setuid and setgid go: nothing in a sandbox gains rights by executing a file. */
function traitsOf(header: Header): Traits {
  const { mode, mtime } = header;
  const records = (header.pax ?? {}) as Readonly<Record<string, string>>;
  return {
    mode: mode & 0o1777,
    uid: idOf(records.uid ?? header.uid, header.name),
    gid: idOf(records.gid ?? header.gid, header.name),
    mtime: timeOf(Number(records.mtime ?? mtime.getTime() / 1000)),
  };
}

function idOf(written: string | number, member: string): number {
  const id = Number(written);
  if (Number.isInteger(id) && id >= 0 && id <= mostId) return id;
  throw new Refusal('belongs to a user or group whose number is none', member);
}

/** Node has no times before 1970; the kernel bounds the others by what the file system can keep. */
function timeOf(seconds: number): number {
  return seconds >= 0 && seconds <= Number.MAX_SAFE_INTEGER ? seconds : 0;
}
