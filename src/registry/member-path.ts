// The names inside an archive or a package: which are acceptable, and where a package's links may point. Pure; the rules for archives and
// directories alike.
import type { ArchiveLimits, PackageLimits } from './limits.ts';
import { Refusal } from './refusal.ts';

const nameMax = 255; // NAME_MAX of every file system that a store may be on

/** `name` as relativePath() has it. Refused, too: a backslash (tools that make packages disagree whether it separates). */
export function memberPath(name: string, limits: PackageLimits): string {
  if (name.includes('\\')) throw new Refusal('has a backslash in its name', name);
  return relativePath(name, limits);
}

/**
 * `name` as a relative path without empty and "." components; '' is the root itself. Refused: what is absolute, has a ".." or NUL, or is not
 * UTF-8 (two names would become one).
 */
export function relativePath(name: string, limits: Pick<ArchiveLimits, 'depth' | 'pathBytes'>): string {
  if (name.startsWith('/')) throw new Refusal('has an absolute name', name);
  if (name.includes('\0')) throw new Refusal('has a NUL in its name', name);
  if (name.includes('\uFFFD')) throw new Refusal('has a name that is not UTF-8', name);
  const parts = name.split('/').filter((part) => part !== '' && part !== '.');
  if (parts.includes('..')) throw new Refusal('has ".." in its name', name);
  if (parts.length > limits.depth) throw new Refusal(`is more than ${limits.depth} directories deep`, name);
  for (const part of parts) if (Buffer.byteLength(part) > nameMax) throw new Refusal(`has a component of more than ${nameMax} bytes`, name);
  const path = parts.join('/');
  if (Buffer.byteLength(path) > limits.pathBytes) throw new Refusal(`has a path of more than ${limits.pathBytes} bytes`, name);
  return path;
}

/**
 * Refuses the symbolic link at `path` if following it could leave the package. A target is relative, and its ".." all come first, no more
 * than `path` is deep. The directories above `path` are real ones, so these ".." end where they seem to; what follows only descends, or goes
 * through another link that was checked in the same way. A ".." behind a name could climb out of wherever a link of that name leads.
 */
export function checkSymlink(path: string, target: string, limits: PackageLimits): void {
  if (target === '' || target.includes('\0')) throw new Refusal('is a link without a usable target', path);
  if (target.startsWith('/')) throw new Refusal('is a link to an absolute path', path);
  if (Buffer.byteLength(target) > limits.pathBytes) throw new Refusal(`is a link to a path of more than ${limits.pathBytes} bytes`, path);
  const parts = target.split('/').filter((part) => part !== '' && part !== '.');
  const down = parts.findIndex((part) => part !== '..');
  const ups = down === -1 ? parts.length : down;
  if (ups >= path.split('/').length) throw new Refusal('is a link that leads out of the package', path);
  if (parts.includes('..', ups)) throw new Refusal('is a link with ".." behind a name', path);
}
