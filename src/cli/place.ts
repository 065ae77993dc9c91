// Where a worker is: the config file that a command speaks of, and what follows from it without checking the rest. (A running worker has checked its
// config, which may have been edited since; and the schema takes longer to load than `worker status` may take.)
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { ConfigError } from '../config/config-error.ts';
import { dockerSocket } from '../config/docker-socket.ts';
import { applied, parseOverrides } from '../config/overrides.ts';
import { because, codeOf, exit, Failure } from './failure.ts';
import { holderOf } from './holder.ts';
import { type Running, records } from './record.ts';

/** OpenLambda's, for commands without -p. */
export const defaultDirectory = 'default-ol';

export interface PlaceOptions {
  /** -p: an environment, a directory that `worker init` has made. */
  readonly path?: string;
  readonly config?: string;
  /** The text of each -o, in order. */
  readonly options?: readonly string[];
}

export interface Place {
  readonly configFile: string;
  /** What wins over the file: given with -o, or what the worker was started with. */
  readonly options: readonly string[];
  readonly workerDir: string;
  /** Held by the worker as long as it lives. */
  readonly lock: string;
  readonly socket: string;
  readonly pidFile: string;
  /** Where it can be reached by those who may not use the socket; undefined for a port that is not known. */
  readonly tcp: { readonly host: string; readonly port: number; readonly token: string | undefined } | undefined;
  /** Of the engine whose containers its sandboxes are; undefined when they are none. */
  readonly engine: string | undefined;
  /** How long it may take to stop in order. */
  readonly stopMs: number;
}

/**
 * The worker of -p or -c; without either of `default-ol`, or else of the config.json that is here. With -o the one that was started with it; without, the
 * one that runs, and where none does, the one that the file tells of.
 */
export function placeOf(options: PlaceOptions): Place {
  const [own, ...left] = placesOf(options);
  if (left.length === 0) return own;
  const recorded: readonly Place[] = left.filter(({ lock, pid }) => holderOf(lock) === pid);
  const isRecorded = recorded.some(({ workerDir }) => workerDir === own.workerDir);
  const running = isRecorded || holderOf(own.lock) === undefined ? recorded : [own, ...recorded];
  if (running.length < 2) return running[0] ?? own;
  const names = running.map(({ workerDir }) => `-o worker_dir=${workerDir}`);
  throw new Failure(`several workers of "${own.configFile}" run: name one, with ${names.join(' or ')}`, { exitCode: exit.usage });
}

/** The one that -o or the file tells of, then what others have left that run or were killed. */
export function placesOf(options: PlaceOptions): readonly [Place, ...(Place & { readonly pid: number })[]] {
  const configFile = configFileOf(options);
  const file = read(configFile);
  const given = options.options ?? [];
  const left = given.length > 0 ? [] : records(dirname(configFile));
  return [place(configFile, file, given), ...left.map(({ pid, record }) => ({ ...place(configFile, file, texts(record)), pid }))];
}

function texts(record: Running): readonly string[] {
  return Object.entries(record).map(([key, value]) => `${key}=${JSON.stringify(value)}`);
}

function place(configFile: string, file: Json, options: readonly string[]): Place {
  const config = withOptions(file, options);
  const workerDir = resolve(typeof config.worker_dir === 'string' ? config.worker_dir : 'worker');
  const port = Number(config.worker_port ?? 8080);
  const limits: Json = typeof config.limits === 'object' && config.limits !== null ? { ...config.limits } : {};
  return {
    configFile,
    options,
    workerDir,
    lock: join(workerDir, 'lock'),
    socket: join(workerDir, 'ol.sock'),
    pidFile: join(workerDir, 'worker.pid'),
    tcp:
      port > 0
        ? {
            host: typeof config.worker_url === 'string' ? config.worker_url.replace(/^\[(.*)\]$/, '$1') : 'localhost',
            port,
            token: typeof config.admin_token === 'string' ? config.admin_token : undefined,
          }
        : undefined,
    engine: config.sandbox === 'sock' ? undefined : dockerSocket(socketOf(config.docker)),
    stopMs: (Number(config.drain_ms) || 0) + (Number(limits.runtime_sec) || Number(limits.max_runtime_default) || 30) * 1000 + 40_000,
  };
}

function configFileOf({ path, config }: PlaceOptions): string {
  if (path !== undefined && config !== undefined) throw new Failure('use one of -p and -c: both name a worker', { exitCode: exit.usage });
  if (config !== undefined) return resolve(config);
  if (path !== undefined) return join(resolve(path), 'config.json');
  const environment = join(resolve(defaultDirectory), 'config.json');
  return !existsSync(environment) && existsSync('config.json') ? resolve('config.json') : environment;
}

function socketOf(docker: unknown): string {
  const { socket } = typeof docker === 'object' && docker !== null ? (docker as Json) : {};
  return typeof socket === 'string' ? socket : '';
}

type Json = Readonly<Record<string, unknown>>;

function withOptions(file: Json, options: readonly string[]): Json {
  try {
    return { ...(applied(file, options.flatMap(parseOverrides)) as Json) };
  } catch (cause) {
    if (cause instanceof ConfigError) throw new Failure(cause.message, { exitCode: exit.usage, cause });
    throw cause;
  }
}

function read(configFile: string): Json {
  try {
    const value: unknown = JSON.parse(readFileSync(configFile, 'utf8'));
    if (typeof value === 'object' && value !== null) return { ...value };
    throw new SyntaxError('it is no JSON object');
  } catch (cause) {
    const hint =
      codeOf(cause) === 'ENOENT'
        ? ` (worker init -p ${dirname(configFile)} makes an environment there; -p DIR names another, -c FILE the config of a worker that has none)`
        : '';
    throw new Failure(`read the config "${configFile}": ${because(cause)}${hint}`, { exitCode: exit.usage, cause });
  }
}
