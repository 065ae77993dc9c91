// One version of a lambda: its code, and what its ol.yaml makes of the worker's settings.
import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  type LambdaLimits,
  type LambdaSettings,
  parseLambdaSettings,
  SettingsError,
  type WorkerDefaults,
} from '../config/lambda-settings.ts';
import { WorkerError } from '../errors.ts';
import type { Resolved } from '../registry/registry.ts';
import type { SandboxLimits } from '../sandbox/sandbox.ts';

export interface Deployment {
  readonly code: Resolved;
  readonly settings: LambdaSettings;
  readonly environment: Readonly<Record<string, string>>;
  /** Undefined when they are the worker's. */
  readonly limits: SandboxLimits | undefined;
  /** Memory that one instance counts for. */
  readonly bytes: number;
  readonly timeLimitMs: number;
  /** Bytes that a request body may have; undefined when that is as many as the front end lets through. */
  readonly bodyLimit: number | undefined;
}

/** Throws code-invalid with what is wrong with the ol.yaml, fit for callers. */
export function deployment(code: Resolved, worker: WorkerDefaults): Deployment {
  const settings = settingsOf(code.dir, worker);
  const limits = sandboxLimits(settings.limits);
  return {
    code,
    settings,
    environment: Object.fromEntries(settings.environment),
    limits: same(limits, sandboxLimits(worker.limits)) ? undefined : limits,
    bytes: limits.memoryBytes,
    timeLimitMs: settings.limits.runtime_sec * 1000,
    bodyLimit: settings.limits.body_mb < worker.limits.body_mb ? Math.floor(settings.limits.body_mb * mib) : undefined,
  };
}

/** What config.json and ol.yaml call limits, as the sandbox takes them. */
export function sandboxLimits(limits: LambdaLimits): SandboxLimits {
  return {
    memoryBytes: limits.mem_mb * mib,
    swapBytes: limits.swappiness === 0 ? 0 : limits.mem_mb * mib,
    processes: limits.procs,
    cpuPercent: limits.cpu_percent,
    tmpBytes: limits.tmp_mb * mib,
  };
}

const mib = 1 << 20;
/** parseLambdaSettings takes no more either; but what is larger is not even read. */
const maxBytes = 64 << 10;

function same(a: SandboxLimits, b: SandboxLimits): boolean {
  return (Object.keys(a) as (keyof SandboxLimits)[]).every((key) => a[key] === b[key]);
}

function settingsOf(dir: string, worker: WorkerDefaults): LambdaSettings {
  try {
    return parseLambdaSettings(fileText(join(dir, 'ol.yaml')), worker);
  } catch (cause) {
    if (cause instanceof SettingsError) throw new WorkerError('code-invalid', { detail: cause.message, cause });
    throw cause;
  }
}

/** '' when there is none. The code is the lambda's own, so the file may be anything. */
function fileText(path: string): string {
  let fd: number;
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
    if (code === 'ENOENT') return '';
    if (code === 'ELOOP' || code === 'ENXIO') throw new SettingsError(['ol.yaml: expected a regular file, no link'], { cause });
    throw new WorkerError('internal', { cause });
  }
  try {
    const stat = fstatSync(fd);
    if (!stat.isFile()) throw new SettingsError(['ol.yaml: expected a regular file, no directory']);
    if (stat.size > maxBytes) throw new SettingsError([`ol.yaml: expected at most ${maxBytes >> 10} KiB of text, got ${stat.size} bytes`]);
    return new TextDecoder('utf-8', { fatal: true }).decode(readFileSync(fd));
  } catch (cause) {
    if (cause instanceof TypeError) throw new SettingsError(['ol.yaml: expected UTF-8 text'], { cause });
    throw cause;
  } finally {
    closeSync(fd);
  }
}
