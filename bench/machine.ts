// What the numbers were measured on.
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import os from 'node:os';
import { packageRoot } from '../src/sandbox/sock/native.ts';
import { python } from './case.ts';

export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryMb: number;
  readonly kernel: string;
  readonly hypervisor: boolean;
  readonly cgroups: 'unified' | 'hybrid' | 'none';
  readonly node: string;
  readonly python: string;
  readonly commit: string;
  /** Tracked files differ from the commit. */
  readonly changed: boolean;
  readonly load: readonly number[];
  readonly date: string;
}

export function describeMachine(): Machine {
  const cpuinfo = readFileSync('/proc/cpuinfo', 'utf8');
  return {
    cpu: os.cpus()[0]?.model ?? 'unknown',
    cores: os.availableParallelism(),
    memoryMb: Math.round(os.totalmem() / (1 << 20)),
    kernel: os.release(),
    hypervisor: /^flags\s*:.*\bhypervisor\b/m.test(cpuinfo),
    cgroups: cgroupMode(),
    node: process.version,
    python: said(python, ['-V']).replace('Python ', ''),
    commit: said('git', ['rev-parse', '--short=12', 'HEAD']),
    changed: said('git', ['status', '--porcelain', '--untracked-files=no']) !== '',
    load: os.loadavg(),
    date: new Date().toISOString(),
  };
}

function cgroupMode(): Machine['cgroups'] {
  if (existsSync('/sys/fs/cgroup/cgroup.controllers')) return 'unified';
  return / cgroup2 /.test(readFileSync('/proc/mounts', 'utf8')) ? 'hybrid' : 'none';
}

function said(program: string, args: readonly string[]): string {
  try {
    return execFileSync(program, args, { cwd: packageRoot(), encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  } catch {
    return 'unknown'; // no git, or no repository: a copy of the sources
  }
}
