// Which key of the config led a start to a file or directory that cannot be used, why it cannot, and what to do about it. Used by cli/run.ts.
import type { Config } from './load.ts';
import { isWithin } from './worker-directory.ts';

export interface StartFault {
  /** One line: key, what was attempted, why not, what to do. */
  readonly message: string;
  /** Whether only another config, or another hand on the machine, helps: a start that is tried again fails again. */
  readonly isLasting: boolean;
}

/** Undefined when `error` is not of the file system, or at none of the config's places. */
export function startFault(error: unknown, config: Pick<Config, (typeof keys)[number]>): StartFault | undefined {
  const cause = fileSystemError(error);
  if (cause === undefined) return undefined;
  const { code, syscall, dest, path = config.worker_dir } = cause; // what is written to is told by its opening only, and lies there
  const at = [dest ?? path, path].find((place) => keyOf(place, config) !== undefined);
  const key = at === undefined ? undefined : keyOf(at, config);
  if (key === undefined) return undefined;
  const [why, remedy, isLasting] = reasons[`${syscall} ${code}`] ?? reasons[code] ?? [code, 'see to it, or name another place', true];
  return { message: `${key}: ${syscall} "${at}": ${why}; ${remedy}`, isLasting };
}

/** Of two that fit, the first is what is told. */
const keys = ['log_output', 'registry', 'sock_base_path', 'worker_dir'] as const;

const mount = 'mount it so that it can be used, or name another place';
const right = 'run the worker as root, or name another place';
const room = 'make room on that file system, or name another place';
const kind = 'move that away, or name another place';

const reasons: Readonly<Record<string, readonly [why: string, remedy: string, isLasting: boolean]>> = {
  'access EACCES': ['nothing may be executed there (is it mounted noexec?)', 'mount it with exec, or name another place', true],
  EACCES: ['permission denied (EACCES)', right, true],
  EPERM: ['operation not permitted (EPERM)', right, true],
  EROFS: ['the file system is read-only (EROFS)', mount, true],
  ENOSPC: ['no space or no inode is left on the file system (ENOSPC)', room, false],
  EDQUOT: ['the disk quota is used up (EDQUOT)', room, false],
  EIO: ['the disk fails (EIO)', 'see to the disk, or name another place', false],
  EEXIST: ['something is there already that is no directory (EEXIST)', kind, true],
  ENOTDIR: ['a part of the path is no directory (ENOTDIR)', kind, true],
  EISDIR: ['it is a directory (EISDIR)', 'name a file', true],
  ENOENT: ['no such file or directory (ENOENT)', 'make it, or correct the path', true],
  ENXIO: ['nothing reads from it (ENXIO)', 'start what reads it first, or name a file', false],
  ELOOP: ['symbolic links go in circles (ELOOP)', 'correct them, or name another place', true],
  ENAMETOOLONG: ['the name is too long (ENAMETOOLONG)', 'name a shorter one', true],
};

interface FileSystemError {
  readonly code: string;
  readonly syscall: string;
  readonly path?: string;
  /** Of what is copied, moved or linked. */
  readonly dest?: string;
}

/** It, or what caused it. */
function fileSystemError(error: unknown): FileSystemError | undefined {
  if (!(error instanceof Error)) return undefined;
  const { code, syscall, path } = error as Partial<FileSystemError>;
  if (code !== undefined && syscall !== undefined && (path !== undefined || syscall === 'write')) return error as Error & FileSystemError;
  return fileSystemError(error.cause);
}

/** The one whose place it is in; else one whose place is below it, since that is being made. */
function keyOf(path: string, config: Pick<Config, (typeof keys)[number]>): (typeof keys)[number] | undefined {
  return (
    keys.filter((key) => isWithin(path, config[key])).sort((a, b) => config[b].length - config[a].length)[0] ??
    keys.find((key) => isWithin(config[key], path))
  );
}
