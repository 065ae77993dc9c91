// One version of a lambda: its code, and what its ol.yaml makes of the worker's settings.
import {
  type LambdaLimits,
  type LambdaSettings,
  parseLambdaSettings,
  SettingsError,
  type WorkerDefaults,
} from '../config/lambda-settings.ts';
import { WorkerError } from '../errors.ts';
import type { Resolved } from '../registry/registry.ts';
import { settingsText } from '../registry/settings-text.ts';
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
  /** Whether its handler takes bodies as they come; undefined until one was loaded and has answered. */
  streams: boolean | undefined;
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
    streams: undefined,
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

/** Of unpacked code. Throws code-invalid. */
export function settingsOf(dir: string, worker: WorkerDefaults): LambdaSettings {
  try {
    return parseLambdaSettings(settingsText(dir), worker);
  } catch (cause) {
    if (cause instanceof SettingsError) throw new WorkerError('code-invalid', { detail: cause.message, cause });
    throw cause;
  }
}

const mib = 1 << 20;

function same(a: SandboxLimits, b: SandboxLimits): boolean {
  return (Object.keys(a) as (keyof SandboxLimits)[]).every((key) => a[key] === b[key]);
}
