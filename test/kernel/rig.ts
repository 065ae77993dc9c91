// A sock backend over the real addon and kernel, with code directories of its own; gone when the test is.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { WorkerError } from '../../src/errors.ts';
import { Phases } from '../../src/observe/phases.ts';
import type { StandbyRange } from '../../src/sandbox/refill.ts';
import type { Code, ColdClass, Sandbox, SandboxRequest, Stream } from '../../src/sandbox/sandbox.ts';
import { SockBackend, type SockOptions } from '../../src/sandbox/sock/backend.ts';
import { Cgroups, type Controller } from '../../src/sandbox/sock/cgroups.ts';
import { loadNative } from '../../src/sandbox/sock/native.ts';

const required = process.env.REQUIRE_KERNEL === '1';

/** The options of a test that makes sandboxes. */
export const needsRoot = process.getuid?.() === 0 || required ? {} : { skip: 'needs root' };

export interface Status {
  readonly zygote: string;
  readonly standbys: number;
  readonly sandboxes: number;
  readonly lambdaZygotes: number;
  readonly slots: { readonly ready: number; readonly coming: number; readonly inUse: number } | undefined;
  readonly limitsNotEnforced: readonly Controller[];
}

export interface Line {
  readonly stream: Stream;
  readonly line: string;
  readonly requestId: string | undefined;
}

/** A sandbox with its first request under way. */
export interface Running {
  readonly sandbox: Sandbox;
  /** What f returned; rejects with the WorkerError. */
  readonly answer: Promise<unknown>;
  /** Resolves when it ended by itself. */
  readonly death: Promise<void>;
  readonly lines: readonly Line[];
  ask(event?: unknown): Promise<unknown>;
}

export interface RigOptions extends Partial<Pick<SockOptions, 'limits' | 'maxSandboxes' | 'lambdaZygotes'>> {
  /** How many are kept, or how few and how many. */
  readonly standbys?: number | StandbyRange;
}

export interface Rig {
  readonly backend: SockBackend;
  readonly log: readonly string[];
  /** Resolves with the next line of the backend's log that matches. */
  logged(pattern: RegExp): Promise<string>;
  /** The worker's cgroup directory. */
  readonly cgroup: string;
  status(): Status;
  /** A code directory with this f.py. */
  code(source: string): Code;
  start(code: Code, event?: unknown, cold?: ColdClass): Running;
  /** Starts, awaits the answer, closes. */
  once(code: Code, event?: unknown, cold?: ColdClass): Promise<unknown>;
  /** Resolves when the status is as wanted: looks again whenever a sandbox of the same backend has answered, at most 2,000 times. */
  until(what: string, wanted: (status: Status) => boolean): Promise<void>;
  close(): Promise<void>;
}

const native = loadNative();
const mib = 1 << 20;
const plain = { environment: {}, entry: {}, concurrency: 1, limits: undefined, zygote: true };

export async function rig(t: TestContext, { standbys = 2, ...options }: RigOptions = {}): Promise<Rig> {
  const dir = mkdtempSync(join(tmpdir(), 'sock-kernel-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  const log: string[] = [];
  const listeners = new Set<(text: string) => void>();
  const cgroup = cgroupRoot(dir);
  const backend = new SockBackend({
    native,
    workerDir: join(dir, 'worker'),
    base: '/',
    limits: { memoryBytes: 128 * mib, swapBytes: 0, processes: 16, cpuPercent: 100, tmpBytes: 16 * mib },
    strict: false,
    maxSandboxes: 64,
    lambdaZygotes: 0,
    log: (level, text, cause) => {
      log.push(`${level}: ${text}${cause === undefined ? '' : ` (${String(cause)})`}`);
      for (const listener of listeners) listener(text);
    },
    ...options,
    standbys: typeof standbys === 'number' ? { least: standbys, most: standbys } : standbys,
  });
  let codes = 0;
  let requests = 0;
  let closed: Promise<void> | undefined;

  const asking = (event: unknown): { request: SandboxRequest; answer: Promise<unknown> } => {
    let [resolve, reject]: [(value: unknown) => void, (error: WorkerError) => void] = [() => {}, () => {}];
    const answer = new Promise<unknown>((res, rej) => ([resolve, reject] = [res, rej]));
    answer.catch(() => {}); // a test that does not look at it knows why
    const first = event === undefined ? new Uint8Array(0) : Buffer.from(JSON.stringify(event));
    const request: SandboxRequest = {
      head: { id: `r${++requests}`, method: 'POST', root: '/run/l', path: '', query: '', headers: [], client: '127.0.0.1' },
      body: { first, rest: undefined },
      phases: new Phases(performance.now()),
      deadline: performance.now() + 30_000,
      loadOnly: false,
      begun: () => {},
      chunk: () => {},
      ended: () => resolve(undefined),
      answered: ({ body }: { body: Uint8Array }) => resolve(JSON.parse(Buffer.from(body).toString())),
      failed: reject,
    };
    return { request, answer };
  };

  const made: Rig = {
    backend,
    log,
    cgroup,
    logged: (pattern) =>
      new Promise((resolve) => {
        const listener = (text: string): void => {
          if (!pattern.test(text)) return;
          listeners.delete(listener);
          resolve(text);
        };
        listeners.add(listener);
      }),
    status: () => backend.status() as unknown as Status,
    code(source) {
      const digest = `${++codes}`;
      const code = { digest, dir: join(dir, 'code', digest) };
      mkdirSync(code.dir, { recursive: true });
      writeFileSync(join(code.dir, 'f.py'), source);
      return code;
    },
    start(code, event, cold) {
      const lines: Line[] = [];
      let died = (): void => {};
      const death = new Promise<void>((resolve) => (died = resolve));
      const { request, answer } = asking(event);
      const sandbox = backend.create({
        ...plain,
        lambda: 'l',
        code,
        cold,
        onLine: (stream, line, requestId) => lines.push({ stream, line, requestId }),
        onDeath: () => died(),
      });
      sandbox.request(request);
      const ask = (next?: unknown): Promise<unknown> => {
        const { request, answer } = asking(next);
        sandbox.request(request);
        return answer;
      };
      return { sandbox, answer, death, lines, ask };
    },
    async once(code, event, cold) {
      const { sandbox, answer } = made.start(code, event, cold);
      try {
        return await answer;
      } finally {
        await sandbox.close();
      }
    },
    async until(what, wanted) {
      const pace = made.start(made.code('def f(event): pass'), {}, undefined);
      await pace.answer;
      let looks = 0;
      for (; looks < 2000 && !wanted(made.status()); looks++) await pace.ask();
      await pace.sandbox.close();
      if (looks === 2000) throw new Error(`waited for ${what}: ${JSON.stringify(made.status())}`);
    },
    close() {
      closed ??= backend.close();
      return closed;
    },
  };
  t.after(() => made.close());
  await backend.start();
  return made;
}

/** Skips the test where the kernel does not hand these controllers to us. False when skipped. */
export function needsController(t: TestContext, { backend }: Rig, controller: Controller): boolean {
  if (!(backend.status() as unknown as Status).limitsNotEnforced.includes(controller)) return true;
  if (required) throw new Error(`the ${controller} controller is missing, and REQUIRE_KERNEL=1`);
  t.skip(`cgroup v2 has no ${controller} controller here`);
  return false;
}

/** The numbers in a file of a cgroup like cpu.stat. */
export function counters(directory: string, file: string): Readonly<Record<string, number>> {
  const lines = readFileSync(join(directory, file), 'utf8').trim().split('\n');
  return Object.fromEntries(lines.map((line) => line.split(' ')).map(([key = '', value]) => [key, Number(value)]));
}

// Where the backend of that directory makes its cgroups: made and removed once, so that the backend's own rule tells.
function cgroupRoot(dir: string): string {
  const cgroups = Cgroups.open(native, join(dir, 'worker'));
  cgroups.close();
  return cgroups.root;
}
