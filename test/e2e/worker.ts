// A real worker for the end-to-end tests: its own process, port, registry and worker_dir, called over real HTTP. Registered for cleanup.
import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { EventEmitter, once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { Agent, type IncomingHttpHeaders, request } from 'node:http';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { after } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { StartClass } from '../../src/sandbox/sandbox.ts';

/** The options of a test that starts a worker: skipped where none can run, unless REQUIRE_KERNEL=1. */
export const needsRoot = process.getuid?.() === 0 || process.env.REQUIRE_KERNEL === '1' ? {} : { skip: 'needs root' };

/** A TestContext, or a suite's. */
export interface Owner {
  after(cleanUp: () => Promise<void>): void;
}

/** For what all tests of a suite share; called in the body of `describe`. (`after` called within a hook would clean up as the hook ends.) */
export function suiteOwner(): Owner {
  const cleanUps: (() => Promise<void>)[] = [];
  after(async () => {
    for (const cleanUp of cleanUps.reverse()) await cleanUp();
  });
  return { after: (cleanUp) => void cleanUps.push(cleanUp) };
}

export interface CallOptions {
  readonly start?: StartClass;
  readonly method?: string;
  /** Instead of /runLambda/<name>. */
  readonly path?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly bytes: Buffer;
  readonly text: string;
  /** The body parsed; throws with the status and the text when it is not JSON. */
  json<T = unknown>(): T;
}

export interface LogEntry {
  readonly level: number;
  readonly msg: string;
  readonly lambda?: string;
  readonly stream?: 'stdout' | 'stderr';
  readonly requestId?: string;
  readonly [key: string]: unknown;
}

export interface Worker {
  readonly pid: number;
  readonly port: number;
  readonly url: string;
  /** Holds `registry`, `worker_dir` and the config file. */
  readonly dir: string;
  readonly registry: string;
  readonly workerDir: string;
  /** All that came so far. Log entries are stdout's lines that are JSON. */
  readonly stdout: readonly string[];
  readonly stderr: readonly string[];
  readonly log: readonly LogEntry[];
  /** Resolves with the exit code, or the signal's name. */
  readonly exited: Promise<number | NodeJS.Signals>;
  /** Writes `<name>.py`. Before its first call, or with registry_cache_ms 0. */
  addLambda(name: string, source: string): void;
  /** `event`: sent as JSON; bytes as they are; undefined: no body. */
  call(lambda: string, event?: unknown, options?: CallOptions): Promise<Answer>;
  /** GET /status as JSON. */
  status<T = Record<string, unknown>>(): Promise<T>;
  /** The first log entry for which `match` holds: one that is there, or the next that comes. Rejects when the worker ends without it. */
  logged(match: (entry: LogEntry) => boolean): Promise<LogEntry>;
  /** Sends the signal and waits for the end. */
  stop(signal?: NodeJS.Signals): Promise<number | NodeJS.Signals>;
}

export interface WorkerOptions {
  /** Keys of config.json over the helper's own. */
  readonly config?: Readonly<Record<string, unknown>>;
  /** The directory of an earlier worker, to start again in; it stays that worker's to remove. */
  readonly dir?: string;
  readonly lambdas?: Readonly<Record<string, string>>;
  readonly env?: Readonly<Record<string, string>>;
}

const main = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url));

/** Starts a worker and waits until it listens. Rejects with its words when it ends before. */
export async function startWorker(owner: Owner, options: WorkerOptions = {}): Promise<Worker> {
  const dir = options.dir ?? mkdtempSync(join(tmpdir(), 'sock-e2e-'));
  const [registry, workerDir, configFile] = [join(dir, 'registry'), join(dir, 'worker'), join(dir, 'config.json')];
  mkdirSync(registry, { recursive: true });
  const addLambda = (name: string, source: string): void => writeFileSync(join(registry, `${name}.py`), source);
  for (const [name, source] of Object.entries(options.lambdas ?? {})) addLambda(name, source);
  const config = { worker_port: 0, worker_url: '127.0.0.1', sandbox: 'sock', registry, worker_dir: workerDir, ...options.config };
  writeFileSync(configFile, JSON.stringify(config));

  const child = spawn(process.execPath, ['--enable-source-maps', main, '--config', configFile], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...options.env },
  });
  const exited = new Promise<number | NodeJS.Signals>((resolve, reject) => {
    child.once('close', (code, signal) => resolve(code ?? signal ?? -1));
    child.once('error', reject);
  });
  const words = new Words(child, exited);
  const agent = new Agent({ keepAlive: true });
  const stop = (signal: NodeJS.Signals = 'SIGTERM'): Promise<number | NodeJS.Signals> => {
    child.kill(signal);
    return exited;
  };
  owner.after(async () => {
    agent.destroy();
    const late = setTimeout(() => child.kill('SIGKILL'), 30_000);
    await stop();
    clearTimeout(late);
    if (options.dir !== undefined) return;
    removeCgroups(workerDir);
    rmSync(dir, { recursive: true, force: true });
  });

  const listening = /^listening on (http:\/\/\S+:(\d+))/;
  const line = await words.line((text) => listening.test(text));
  const [, url = '', port = ''] = listening.exec(line) ?? [];
  const call = (lambda: string, event?: unknown, o: CallOptions = {}): Promise<Answer> =>
    http(agent, url, o.path ?? `/runLambda/${lambda}`, event, o);
  return {
    pid: child.pid ?? -1,
    port: Number(port),
    url,
    dir,
    registry,
    workerDir,
    stdout: words.stdout,
    stderr: words.stderr,
    log: words.log,
    exited,
    addLambda,
    call,
    status: async <T>() =>
      (await call('', undefined, { path: '/status', method: 'GET', headers: { accept: 'application/json' } })).json<T>(),
    logged: (match) => words.entry(match),
    stop,
  };
}

// What a worker says, line by line.
class Words {
  readonly stdout: string[] = [];
  readonly stderr: string[] = [];
  readonly log: LogEntry[] = [];
  readonly #events = new EventEmitter().setMaxListeners(0);
  #ended: string | undefined;

  constructor(child: ChildProcess, exited: Promise<number | NodeJS.Signals>) {
    if (child.stdout === null || child.stderr === null) throw new Error('the pipes of the worker are missing');
    createInterface({ input: child.stderr }).on('line', (text) => this.stderr.push(text));
    createInterface({ input: child.stdout }).on('line', (text) => {
      this.stdout.push(text);
      if (text.startsWith('{')) this.log.push(JSON.parse(text) as LogEntry);
      this.#events.emit('line');
    });
    const end = (how: unknown): void => {
      this.#ended = `the worker ended (${how}): ${[...this.stderr, ...this.stdout.slice(-5)].join('\n')}`;
      this.#events.emit('line');
    };
    exited.then(end, end);
  }

  line(match: (text: string) => boolean): Promise<string> {
    return this.#first(this.stdout, match);
  }

  entry(match: (entry: LogEntry) => boolean): Promise<LogEntry> {
    return this.#first(this.log, match);
  }

  async #first<T>(list: readonly T[], match: (item: T) => boolean): Promise<T> {
    for (let at = 0; ; ) {
      for (; at < list.length; at++) {
        const item = list[at] as T;
        if (match(item)) return item;
      }
      if (this.#ended !== undefined) throw new Error(this.#ended);
      await once(this.#events, 'line');
    }
  }
}

function http(agent: Agent, url: string, path: string, event: unknown, options: CallOptions): Promise<Answer> {
  const body = event === undefined ? undefined : event instanceof Uint8Array ? event : Buffer.from(JSON.stringify(event));
  return new Promise((resolve, reject) => {
    const headers = {
      ...options.headers,
      ...(options.start && { 'x-force-start': options.start }),
      ...(body && { 'content-length': `${body.length}` }),
    };
    const asked = request(url + path, {
      agent,
      method: options.method ?? 'POST',
      headers,
      ...(options.signal && { signal: options.signal }),
    });
    asked.once('error', reject);
    asked.once('response', (reply) => {
      const parts: Buffer[] = [];
      reply.on('data', (part: Buffer) => parts.push(part));
      reply.once('error', reject);
      reply.once('end', () => resolve(answer(reply.statusCode ?? 0, reply.headers, Buffer.concat(parts))));
    });
    asked.end(body);
  });
}

function answer(status: number, headers: IncomingHttpHeaders, bytes: Buffer): Answer {
  const text = bytes.toString('utf8');
  return {
    status,
    headers,
    bytes,
    text,
    json: <T>() => {
      try {
        return JSON.parse(text) as T;
      } catch (cause) {
        throw new Error(`answered ${status} with what is no JSON: ${text.slice(0, 2000)}`, { cause });
      }
    },
  };
}

// A worker that was killed leaves its cgroups to the next one of its directory, and there will be none.
function removeCgroups(workerDir: string): void {
  const name = `sock-worker-${createHash('sha256').update(workerDir).digest('hex').slice(0, 12)}`;
  const mount = /^\S+ (\S+) cgroup2 /m.exec(readFileSync('/proc/mounts', 'utf8'))?.[1];
  if (mount === undefined) return;
  const own = join(mount, /^0::(.*)$/m.exec(readFileSync('/proc/self/cgroup', 'utf8'))?.[1] ?? '/');
  for (const root of new Set([join(mount, name), join(own, name), join(dirname(own), name)])) removeTree(root);
}

function removeTree(directory: string): void {
  try {
    for (const entry of readdirSync(directory, { withFileTypes: true })) if (entry.isDirectory()) removeTree(join(directory, entry.name));
    rmdirSync(directory);
  } catch (error) {
    if (!['ENOENT', 'EBUSY'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error; // EBUSY: what was killed is not quite gone
  }
}
