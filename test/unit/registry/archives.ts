// Makes archives, well-formed ones and others.
import { gzipSync } from 'node:zlib';

export interface Member {
  readonly name: string | Buffer;
  /** What ustar puts before the name, with a slash between. */
  readonly prefix?: string;
  /** The type flag: '0' file, '1' hard link, '2' symbolic link, '5' directory, 'x' PAX records, 'L' GNU long name … */
  readonly type?: string;
  readonly content?: string | Uint8Array;
  readonly linkname?: string;
  readonly mode?: number;
  /** Of who runs the test, unless given. */
  readonly uid?: number;
  readonly gid?: number;
  readonly mtime?: number;
  /** When it is to differ from the content's. */
  readonly size?: number;
  readonly magic?: 'ustar' | 'gnu' | 'v7';
}

const magics = { ustar: 'ustar\x0000', gnu: 'ustar  \0', v7: '\0'.repeat(8) } as const;

export const handler: Member = { name: 'f.py', content: 'def f(event):\n    return event\n' };

/** A tar stream with the members and, unless `end` is false, the two empty blocks that end it. */
export function tar(members: readonly Member[], end: boolean = true): Buffer {
  const blocks = members.flatMap((member) => [headerOf(member), padded(Buffer.from(member.content ?? ''))]);
  return Buffer.concat(end ? [...blocks, Buffer.alloc(1024)] : blocks);
}

export function tarGz(...members: readonly Member[]): Buffer {
  return gzipSync(tar(members));
}

/** The record of a PAX header that goes before the member it is about. */
export function pax(records: Readonly<Record<string, string>>, type: 'x' | 'g' = 'x'): Member {
  const content = Object.entries(records).map(([key, value]) => {
    const rest = ` ${key}=${value}\n`;
    let length = Buffer.byteLength(rest);
    while (Buffer.byteLength(`${length}${rest}`) !== length) length = Buffer.byteLength(`${length}${rest}`);
    return `${length}${rest}`;
  });
  return { name: 'PaxHeader', type, content: content.join('') };
}

/** Costs time without having bytes: tar-stream copies the global records for each member that has records of its own. */
export function slow(): Uint8Array {
  const records = Object.fromEntries(Array.from({ length: 100_000 }, (_, n) => [`k${n}`, '']));
  return tarGz(handler, pax(records, 'g'), ...Array.from({ length: 2000 }, (_, n) => [pax({ a: 'b' }), { name: `${n}` }]).flat());
}

function headerOf(member: Member): Buffer {
  const block = Buffer.alloc(512);
  const content = Buffer.from(member.content ?? '');
  Buffer.from(member.name).copy(block, 0, 0, 100);
  block.write(member.prefix ?? '', 345, 155, 'utf8');
  block.write(octal(member.mode ?? 0o644, 7), 100);
  block.write(octal(member.uid ?? process.getuid?.() ?? 0, 7), 108);
  block.write(octal(member.gid ?? process.getgid?.() ?? 0, 7), 116);
  block.write(octal(member.size ?? content.length, 11), 124);
  block.write(octal(member.mtime ?? 1_700_000_000, 11), 136);
  block.write('        ', 148);
  block.write(member.type ?? '0', 156, 1, 'latin1');
  block.write(member.linkname ?? '', 157, 100, 'utf8');
  block.write(magics[member.magic ?? 'ustar'], 257, 'latin1');
  let sum = 0;
  for (const byte of block) sum += byte;
  block.write(`${octal(sum, 6)}\0 `, 148);
  return block;
}

function padded(content: Buffer): Buffer {
  return Buffer.concat([content, Buffer.alloc((512 - (content.length % 512)) % 512)]);
}

function octal(value: number, digits: number): string {
  return value.toString(8).padStart(digits, '0');
}
