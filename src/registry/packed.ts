// A directory of the store as a .tar.gz, the same bytes each time: sorted, without times, owners or any mode but "executable".
import { createReadStream } from 'node:fs';
import { lstat, readdir, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline, type Readable } from 'node:stream';
import { pipeline as piped } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { type Pack, pack } from 'tar-stream';

/** Nobody else writes to `dir` until the stream is closed. It is destroyed with the error when something cannot be read. */
export function packed(dir: string): Readable {
  const tar = pack();
  const gzip = createGzip();
  pipeline(tar, gzip, () => {}); // an error destroys gzip with it, which its reader sees
  fill(tar, dir, '').then(
    () => tar.finalize(),
    (error: Error) => tar.destroy(error),
  );
  return gzip;
}

async function fill(tar: Pack, root: string, parent: string): Promise<void> {
  for (const entry of (await readdir(join(root, parent))).sort()) {
    const name = join(parent, entry);
    const path = join(root, name);
    const stat = await lstat(path);
    const header = { name, uid: 0, gid: 0, mtime: new Date(0), mode: (stat.mode & 0o111) === 0 ? 0o644 : 0o755 };
    if (stat.isDirectory()) {
      await member(tar, { ...header, name: `${name}/`, type: 'directory' });
      await fill(tar, root, name);
    } else if (stat.isSymbolicLink()) {
      await member(tar, { ...header, type: 'symlink', linkname: await readlink(path) });
    } else {
      await piped(createReadStream(path), tar.entry({ ...header, type: 'file', size: stat.size }));
    }
  }
}

function member(tar: Pack, header: Parameters<Pack['entry']>[0]): Promise<void> {
  return new Promise((resolve, reject) => {
    tar.entry(header, (error) => (error ? reject(error) : resolve()));
  });
}
