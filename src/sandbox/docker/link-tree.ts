// Puts code where a container that runs already sees it: the same files, by hard links, so that it costs neither their bytes nor a mount.
import { copyFile, link, mkdir, readdir, readlink, symlink } from 'node:fs/promises';
import { join } from 'node:path';

/** `to` is there already. Links are kept as they are. */
export async function linkTree(from: string, to: string): Promise<void> {
  const entries = await readdir(from, { withFileTypes: true });
  await Promise.all(
    entries.map(async (entry) => {
      const [source, target] = [join(from, entry.name), join(to, entry.name)];
      if (entry.isSymbolicLink()) await symlink(await readlink(source), target);
      else if (entry.isFile())
        await link(source, target).catch(() => copyFile(source, target)); // another file system, or too many links
      else if (entry.isDirectory()) {
        await mkdir(target);
        await linkTree(source, target);
      }
    }),
  );
}
