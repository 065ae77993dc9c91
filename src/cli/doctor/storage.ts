// The place of worker_dir: that it can be written, lets programs run, and has room for unpacked code.
import path from 'node:path';
import type { Config } from '../../config/load.ts';
import { type Finding, limited, missing, ok } from './finding.ts';
import type { Host } from './host.ts';

const tightMb = 500;

export function storageChecks(host: Host, { worker_dir: workerDir, sandbox }: Pick<Config, 'worker_dir' | 'sandbox'>): Finding[] {
  const there = nearestExisting(host, workerDir);
  const tried = host.tryDirectory(there);
  const mend = 'point worker_dir of the config to a directory that can be written';
  if ('code' in tried) return [missing('worker_dir', `${workerDir}: cannot write in ${there}: ${tried.code}`, mend)];
  const mount = mountOf(host.read('/proc/mounts') ?? '', host.realPath(there));
  if (mount?.options.includes('noexec')) {
    const [found, away] = [
      `${workerDir}: ${mount.at} is mounted noexec`,
      `mount -o remount,exec ${mount.at}, or point worker_dir elsewhere`,
    ];
    if (sandbox === 'sock') return [missing('worker_dir', `${found}, and zygotes run programs from there`, away)];
    return [limited('worker_dir', `${found}, so native lambdas and compiled modules do not run`, away)];
  }
  const mb = Math.floor(host.freeBytes(there) / (1 << 20));
  const found = `${workerDir}, ${mb} MB free`;
  return [mb < tightMb ? limited('worker_dir', found, 'free some space: code packages are unpacked there') : ok('worker_dir', found)];
}

export function nearestExisting(host: Host, directory: string): string {
  return host.exists(directory) || directory === path.dirname(directory) ? directory : nearestExisting(host, path.dirname(directory));
}

/** Where in a /proc/mounts a path without links lies: the innermost mount, and of several at one place the last. */
export function mountOf(mounts: string, file: string): { readonly at: string; readonly options: readonly string[] } | undefined {
  return mounts
    .split('\n')
    .map((line) => line.split(' '))
    .map(([, at = '', , options = '']) => ({ at: unescaped(at), options: options.split(',') }))
    .filter(({ at }) => at !== '' && (file === at || file.startsWith(at.endsWith('/') ? at : `${at}/`)))
    .reduce<{ at: string; options: string[] } | undefined>(
      (inner, mount) => (mount.at.length >= (inner?.at.length ?? 0) ? mount : inner),
      undefined,
    );
}

/** Spaces and the like are `\040` there. */
function unescaped(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
}
