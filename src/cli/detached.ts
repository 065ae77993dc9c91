// Starts this program again as a daemon, in a session of its own with its output in a log file, and waits until it listens or has ended.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, type FSWatcher, fstatSync, openSync, readSync, watch } from 'node:fs';
import { join } from 'node:path';
import { because, codeOf, Failure } from './failure.ts';

export interface DetachedOptions {
  /** Gets `worker.out`, as in OpenLambda. */
  readonly dir: string;
  /** Of this program. */
  readonly args: readonly string[];
  /** Throws when it would fail at once. Whatever the reason, here it counts as a start that failed. */
  check(): void;
}

const listening = /^listening on (http:\/\/\S+)/m;
/** Lines and bytes of the log that are shown when it has not started. */
const shown = { lines: 20, bytes: 1 << 16 };

export async function detached({ dir, args, check }: DetachedOptions): Promise<void> {
  try {
    check();
  } catch (cause) {
    throw cause instanceof Failure ? new Failure(cause.message, { cause }) : cause;
  }
  const log = join(dir, 'worker.out');
  const output = new Appended(log);
  try {
    const child = spawn(process.execPath, [...process.execArgv, process.argv[1] ?? '', ...args], {
      detached: true,
      stdio: ['ignore', output.fd, output.fd],
    });
    const stop = (): void => void child.kill('SIGTERM'); // whoever interrupts the start wants no worker
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, stop);
    const url = await started(child, output);
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.off(signal, stop);
    child.unref();
    process.stdout.write(`Ready!\n\tPID: ${child.pid}\n\tURL: ${url}\n\tLog File: ${log}\n`);
  } finally {
    output.close();
  }
}

/** Its address. The log tells: each change of it is an event, and so is the end of the process. */
async function started(child: ChildProcess, output: Appended): Promise<string> {
  const ended = once(child, 'exit').then(
    ([code, signal]: unknown[]) => `it ended with ${signal ?? `exit code ${code}`}`,
    (cause: unknown) => because(cause),
  );
  for (;;) {
    const changed = output.changed();
    const [, url] = listening.exec(output.text()) ?? [];
    if (url !== undefined) return url;
    const end = await Promise.race([changed, ended]);
    if (end !== undefined) throw new Failure(`start a worker: ${end}; in "${output.path}":\n${lastLines(output.text())}`);
  }
}

function lastLines(text: string): string {
  const lines = text.trimEnd().split('\n');
  return lines
    .slice(-shown.lines)
    .map((line) => `  ${line}`)
    .join('\n');
}

/** What is written at the end of a file from now on. */
class Appended {
  readonly path: string;
  readonly fd: number;
  readonly #from: number;
  readonly #watcher: FSWatcher;

  constructor(path: string) {
    this.path = path;
    try {
      this.fd = openSync(path, 'a+', 0o644);
      this.#from = fstatSync(this.fd).size;
      this.#watcher = watch(path);
    } catch (cause) {
      const hint = codeOf(cause) === 'EACCES' ? '; use sudo' : '';
      throw new Failure(`write and watch the log "${path}": ${because(cause)}${hint}`, { cause });
    }
  }

  /** Resolves with undefined at the next change. */
  async changed(): Promise<undefined> {
    await once(this.#watcher, 'change');
  }

  /** The last of it. */
  text(): string {
    const length = fstatSync(this.fd).size - this.#from;
    const bytes = Buffer.alloc(Math.min(length, shown.bytes));
    const got = readSync(this.fd, bytes, 0, bytes.length, this.#from + length - bytes.length);
    return bytes.toString('utf8', 0, got);
  }

  close(): void {
    this.#watcher.close();
    closeSync(this.fd);
  }
}
