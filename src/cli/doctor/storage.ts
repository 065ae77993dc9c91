// The place of worker_dir: that it can be written, and has room for unpacked code.
import path from 'node:path';
import { type Finding, limited, missing, ok } from './finding.ts';
import type { Host } from './host.ts';

const tightMb = 500;

export function storageChecks(host: Host, workerDir: string): Finding[] {
  const there = nearestExisting(host, workerDir);
  const tried = host.tryDirectory(there);
  const mend = 'point worker_dir of the config to a directory that can be written';
  if ('code' in tried) return [missing('worker_dir', `${workerDir}: cannot write in ${there}: ${tried.code}`, mend)];
  const mb = Math.floor(host.freeBytes(there) / (1 << 20));
  const found = `${workerDir}, ${mb} MB free`;
  return [mb < tightMb ? limited('worker_dir', found, 'free some space: code packages are unpacked there') : ok('worker_dir', found)];
}

function nearestExisting(host: Host, directory: string): string {
  return host.exists(directory) || directory === path.dirname(directory) ? directory : nearestExisting(host, path.dirname(directory));
}
