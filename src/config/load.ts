// From a config.json to the one typed Config that the worker is built from. Used by cli/ (and by tests, with parseConfig).
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { type InertKey, inert, reasons } from './inert.ts';
import { type Path, problemLine, problemLines } from './problems.ts';
import { activeOnly, type Checked, file } from './schema.ts';

/**
 * A checked config: every key of the file that does something, under the file's own names, with defaults filled in.
 * `worker_dir` and `registry` are absolute directories (given relative, they are relative to the working directory, as in OpenLambda),
 * `log_output` is `stdout` or an absolute file, `limits.runtime_sec` is above 0.
 */
export type Config = Readonly<Omit<Checked, 'limits' | 'log_output'>> & {
  readonly limits: Readonly<Omit<Checked['limits'], 'max_runtime_default'>>;
  readonly log_output: string;
};

/** A config that cannot be used. `problems` is one line each. */
export class ConfigError extends Error {
  readonly problems: readonly string[];

  constructor(problems: readonly string[], options?: ErrorOptions) {
    super(problems.join('\n'), options);
    this.name = 'ConfigError';
    this.problems = problems;
  }
}

/** Reads and checks a config file. `warn` gets one line for each key that has no effect. Throws ConfigError with all problems. */
export function loadConfig(from: string, warn: (line: string) => void = () => {}): Config {
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(from, 'utf8'));
  } catch (cause) {
    const attempt = cause instanceof SyntaxError ? 'parse' : 'read';
    throw new ConfigError([`${attempt} "${from}": ${cause instanceof Error ? cause.message : String(cause)}`], { cause });
  }
  const config = parseConfig(value);
  for (const line of inertLines(value)) warn(line);
  return config;
}

/** Checks what a config file holds. Throws ConfigError with all problems. */
export function parseConfig(value: unknown): Config {
  const given = withDocker(value);
  const checked = file.safeParse(given);
  if (!checked.success) throw new ConfigError(problemLines(checked.error, given, keysAt));
  const { limits, ...rest } = activeOnly.parse(given);
  const { max_runtime_default, ...perSandbox } = limits;
  if (rest.mem_pool_mb < limits.mem_mb) {
    throw new ConfigError([problemLine(['mem_pool_mb'], `at least limits.mem_mb (${limits.mem_mb})`, rest.mem_pool_mb)]);
  }
  const workerDir = path.resolve(rest.worker_dir);
  return {
    ...rest,
    worker_dir: workerDir,
    registry: registryDir(rest.registry, workerDir),
    log_output: logOutput(rest.log_output),
    limits: { ...perSandbox, runtime_sec: perSandbox.runtime_sec === 0 ? max_runtime_default : perSandbox.runtime_sec },
  };
}

/** The lines about keys that are known and ask for something, but have no effect. */
export function inertLines(value: unknown): string[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value)
    .filter(([key, asked]) => key in inert && !asksNothing(asked))
    .map(([key]) => `${key}: has no effect, ${reasons[key as InertKey]}`);
}

// The published default of `sandbox` is docker, so a config that leaves it out asked for docker: the message must show that.
function withDocker(value: unknown): unknown {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !('sandbox' in value)
    ? { ...value, sandbox: 'docker' }
    : value;
}

function keysAt(at: Path): readonly string[] {
  let schema: unknown = file;
  for (const key of at) schema = shapeOf(schema)[String(key)];
  return Object.keys(shapeOf(schema));
}

function shapeOf(schema: unknown): Readonly<Record<string, unknown>> {
  let inner = schema;
  while (inner instanceof z.ZodDefault || inner instanceof z.ZodPrefault || inner instanceof z.ZodOptional) inner = inner.unwrap();
  return inner instanceof z.ZodObject ? inner.shape : {};
}

function registryDir(registry: string, workerDir: string): string {
  if (registry === '') return path.join(workerDir, 'registry');
  return registry.startsWith('file://') ? fileURLToPath(registry) : path.resolve(registry);
}

function logOutput(given: Checked['log_output']): string {
  if (given === true || given === 'stdout') return 'stdout';
  return given === false ? '/dev/null' : path.resolve(given);
}

function asksNothing(asked: unknown): boolean {
  if (typeof asked !== 'object' || asked === null) return asked === undefined || asked === null || asked === '' || asked === false;
  return Object.values(asked).every(asksNothing);
}
