// An image made of this machine's own root: the generated part of it that sandboxes of the sock backend have, too, while /usr is mounted from the machine.
// So nothing has to be downloaded, and it is a few hundred KiB large.
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { pack } from 'tar-stream';
import { layOut } from '../sock/base-root.ts';
import type { Images } from './images.ts';

const name = 'sock-worker/host';
const directories = [
  'usr',
  'etc',
  'proc',
  'dev',
  'sys',
  'tmp',
  'host',
  'handler',
  'packages',
  'line',
  'rehearsal',
  'runtime',
  'run',
  'var',
];

/** Its reference; made if the engine has none with the same content. `into`: a directory for what is generated. */
export async function hostImage(images: Images, into: string): Promise<string> {
  rmSync(into, { recursive: true, force: true });
  layOut(into, '/', directories);
  const archive = await tarOf(into);
  const tag = createHash('sha256').update(archive).digest('hex').slice(0, 16);
  const reference = `${name}:${tag}`;
  if ((await images.details(reference)) === undefined) await images.import(archive, { name, tag, label: 'sock-worker.host' });
  return reference;
}

/** The same bytes for the same files: no times, no order but that of their names. */
async function tarOf(root: string): Promise<Buffer> {
  const tar = pack();
  const add = (at: string): void => {
    for (const entry of readdirSync(join(root, at), { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1))) {
      const path = join(at, entry.name);
      const header = { name: path, mtime: new Date(0), mode: entry.isFile() ? 0o644 : 0o755 };
      if (entry.isDirectory()) {
        tar.entry({ ...header, type: 'directory' });
        add(path);
      } else if (entry.isSymbolicLink()) tar.entry({ ...header, type: 'symlink', linkname: readlinkSync(join(root, path)) });
      else tar.entry(header, readFileSync(join(root, path)));
    }
  };
  add('');
  tar.finalize();
  return await buffer(tar);
}
