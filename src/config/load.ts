// From a config.json (and what -o adds) to the one typed Config that the worker is built from. Used by cli/ (and by tests, with parseConfig).
import { readFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { type AdminApi, adminApi, adminApiLines } from './admin-api.ts';
import { ConfigError } from './config-error.ts';
import { dockerSocket } from './docker-socket.ts';
import { inertLines } from './inert.ts';
import { applied, type Override } from './overrides.ts';
import { type Path, problemLine, shown } from './problem-line.ts';
import { problemLines } from './problems.ts';
import { registryLocation, shownRegistry } from './registry-location.ts';
import { activeOnly, type Checked, file } from './schema.ts';
import { clashesWith } from './worker-directory.ts';

export { ConfigError };

/**
 * A checked config: every key of the file that does something, under the file's own names, with defaults filled in.
 * `worker_dir` is an absolute directory, `registry` one or a URL (given relative, they are relative to the working directory, as in OpenLambda),
 * `worker_url` has no brackets, `log_output` is `stdout` or an absolute file, `limits.runtime_sec` is above 0.
 */
export type Config = Readonly<Omit<Checked, 'limits' | 'trace' | 'docker'>> & {
  readonly limits: Readonly<Omit<Checked['limits'], 'max_runtime_default' | 'installer_mem_mb'>>;
  readonly log_output: string;
  readonly mem_pool_mb: number;
  readonly max_standbys: number;
  /** `socket` is an absolute path. */
  readonly docker: Readonly<Checked['docker']>;
  readonly trace: { readonly requests: number };
  readonly adminApi: AdminApi;
};

export interface LoadOptions {
  /** What `-o` says, in order: it wins over the file. */
  readonly overrides?: readonly Override[];
  /** Gets one line for each key that has no effect, and one when the admin API is off. */
  readonly warn?: (line: string) => void;
}

/** Reads and checks a config file. Throws ConfigError with all problems. */
export function loadConfig(from: string, { overrides = [], warn = () => {} }: LoadOptions = {}): Config {
  const value = applied(parsedFile(from), overrides);
  const config = checked(value, overrides);
  for (const line of [...inertLines(value as object), ...adminApiLines(config)]) warn(line);
  return config;
}

/** Checks what a config file holds. Throws ConfigError with all problems. */
export function parseConfig(value: unknown, overrides: readonly Override[] = []): Config {
  return checked(applied(value, overrides), overrides);
}

function parsedFile(from: string): unknown {
  try {
    return JSON.parse(readFileSync(from, 'utf8'));
  } catch (cause) {
    const attempt = cause instanceof SyntaxError ? 'parse' : 'read';
    throw new ConfigError([`${attempt} "${from}": ${cause instanceof Error ? cause.message : String(cause)}`], { cause });
  }
}

function checked(given: unknown, overrides: readonly Override[]): Config {
  const origin = (at: Path) => (overrides.some(({ path }) => path.every((key, i) => i >= at.length || key === at[i])) ? '-o ' : '');
  const result = file.safeParse(given);
  if (!result.success) throw new ConfigError(problemLines(result.error, { value: given, schema: file, got, origin }));
  const config = filled(activeOnly.parse(given));
  const clashes = clashing(config).map(([key, expectation]) => `${origin([key])}${problemLine([key], expectation, shown(config[key]))}`);
  if (clashes.length > 0) throw new ConfigError(clashes);
  return config;
}

/** Messages end up in logs: what may be a secret is not told, under a mistyped key neither. */
function got(value: unknown, [key]: Path): string {
  if (/token|auth|secret|passw/i.test(String(key))) return 'a value that is not shown';
  return shown(key === 'registry' && typeof value === 'string' ? shownRegistry(value) : value);
}

function filled({ limits, trace, ...rest }: Checked): Config {
  const { max_runtime_default, installer_mem_mb: _, ...perSandbox } = limits;
  const workerDir = path.resolve(rest.worker_dir);
  return {
    ...rest,
    worker_dir: workerDir,
    registry: registryLocation(rest.registry, workerDir),
    ...(rest.registry_ca !== undefined && { registry_ca: path.resolve(rest.registry_ca) }),
    log_output: logOutput(rest.log_output),
    limits: { ...perSandbox, runtime_sec: perSandbox.runtime_sec === 0 ? max_runtime_default : perSandbox.runtime_sec },
    mem_pool_mb: rest.mem_pool_mb ?? Math.max(500, Math.floor(os.totalmem() / (1 << 20)) - 500),
    max_standbys: rest.max_standbys ?? Math.max(8, rest.standbys),
    docker: { ...rest.docker, socket: dockerSocket(rest.docker.socket) },
    trace: { requests: trace.requests },
    adminApi: adminApi(rest),
  };
}

function logOutput(given: Checked['log_output']): string {
  if (given === true || given === 'stdout') return 'stdout';
  return given === false ? '/dev/null' : path.resolve(given);
}

/** Values that are right by themselves and wrong together. */
function clashing({
  mem_pool_mb,
  max_standbys,
  standbys,
  limits,
  sandbox,
  docker,
  registry,
  worker_dir,
}: Config): (readonly [key: keyof Config, expectation: string])[] {
  return [
    ...(mem_pool_mb < limits.mem_mb ? [['mem_pool_mb', `at least limits.mem_mb (${limits.mem_mb})`] as const] : []),
    ...(sandbox === 'docker' && !path.isAbsolute(docker.socket)
      ? [['docker', 'a unix socket, in docker.socket or DOCKER_HOST'] as const]
      : []),
    ...(clashesWith(worker_dir, registry)
      ? [['registry', `a place apart from what the worker keeps in worker_dir (${shown(worker_dir)}), such as "registry" in it`] as const]
      : []),
    ...(max_standbys < standbys ? [['max_standbys', `at least standbys (${standbys})`] as const] : []),
  ];
}
