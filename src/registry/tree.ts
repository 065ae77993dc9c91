// Walks a directory that others may be writing to, without ever leaving it: each directory is opened once and its members are reached
// through /proc/self/fd/<n>, which is what openat() would do. A directory swapped for a link in the meantime leads nowhere.
import { type BigIntStats, closeSync, constants, fstatSync, lstatSync, opendirSync, openSync, readlinkSync } from 'node:fs';
import type { PackageLimits } from './limits.ts';
import { checkSymlink, memberPath } from './member-path.ts';
import { unlessGone } from './open-file.ts';
import { Changed, Refusal } from './refusal.ts';

export type TreeMember =
  | { readonly kind: 'directory'; readonly path: string; readonly stat: BigIntStats }
  /** `at` opens the file (with O_NOFOLLOW) as long as the visit lasts. */
  | { readonly kind: 'file'; readonly path: string; readonly stat: BigIntStats; readonly at: string }
  | { readonly kind: 'symlink'; readonly path: string; readonly stat: BigIntStats; readonly target: string };

/**
 * Calls `visit` for the root (path '') and everything below it, parents first, members of a directory sorted by name. The root itself may be
 * a link; links below it are members, never followed. Refuses what no package may have, and what is over the limits.
 */
export function walkTree(root: string, limits: PackageLimits, visit: (member: TreeMember) => void): void {
  const budget: Budget = { limits, entries: 0, bytes: 0n };
  openDirectory(root, 0, (fd, stat) => {
    visit({ kind: 'directory', path: '', stat });
    descend(fd, '', budget, visit);
  });
}

interface Budget {
  readonly limits: PackageLimits;
  entries: number;
  bytes: bigint;
}

function descend(fd: number, parent: string, budget: Budget, visit: (member: TreeMember) => void): void {
  for (const name of sortedNames(fd, budget)) {
    const path = memberPath(parent === '' ? name : `${parent}/${name}`, budget.limits);
    const at = `/proc/self/fd/${fd}/${name}`;
    const stat = unlessGone(() => lstatSync(at, { bigint: true }));
    if (stat.isDirectory()) {
      openDirectory(at, constants.O_NOFOLLOW, (inner, opened) => {
        if (opened.ino !== stat.ino || opened.dev !== stat.dev) throw new Changed();
        visit({ kind: 'directory', path, stat });
        descend(inner, path, budget, visit);
      });
    } else if (stat.isFile()) {
      budget.bytes += stat.size;
      if (budget.bytes > budget.limits.bytes) throw new Refusal(`it has more than ${budget.limits.bytes} bytes`);
      visit({ kind: 'file', path, stat, at });
    } else if (stat.isSymbolicLink()) {
      const target = unlessGone(() => readlinkSync(at));
      checkSymlink(path, target, budget.limits);
      visit({ kind: 'symlink', path, stat, target });
    } else {
      throw new Refusal('is neither file, directory nor link', path);
    }
  }
}

function openDirectory(path: string, flags: number, use: (fd: number, stat: BigIntStats) => void): void {
  const fd = unlessGone(() => openSync(path, constants.O_RDONLY | constants.O_DIRECTORY | flags));
  try {
    use(fd, fstatSync(fd, { bigint: true }));
  } finally {
    closeSync(fd);
  }
}

/** Read piece by piece, so that a directory of millions is refused before it is in memory. */
function sortedNames(fd: number, budget: Budget): string[] {
  const names: string[] = [];
  const listing = opendirSync(`/proc/self/fd/${fd}`);
  try {
    for (let entry = listing.readSync(); entry !== null; entry = listing.readSync()) {
      budget.entries += 1;
      if (budget.entries > budget.limits.entries) throw new Refusal(`it has more than ${budget.limits.entries} entries`);
      names.push(entry.name);
    }
  } finally {
    listing.closeSync();
  }
  return names.sort();
}
