// Starts this program again as a daemon, in a session of its own with its output in a log file, and waits until it listens or has ended.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { because, codeOf, exit, Failure } from './failure.ts';
import type { Outcome } from './starter.ts';

export interface DetachedOptions {
  /** Gets `worker.out`, as in OpenLambda. */
  readonly dir: string;
  /** Of this program. */
  readonly args: readonly string[];
}

/** Lines and bytes of the log that are shown when it has ended without a word to us. */
const shown = { lines: 20, bytes: 1 << 16 };

export interface Started {
  readonly pid: number | undefined;
  readonly url: string;
  readonly log: string;
}

export async function detached({ dir, args }: DetachedOptions): Promise<Started> {
  const log = join(dir, 'worker.out');
  const fd = opened(log);
  try {
    const from = fstatSync(fd).size;
    const child = spawn(process.execPath, [...process.execArgv, process.argv[1] ?? '', ...args], {
      detached: true,
      stdio: ['ignore', fd, fd, 'ipc'],
    });
    const stop = (): void => void child.kill('SIGTERM'); // whoever interrupts the start wants no worker
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, stop);
    const url = await started(child, (end) => `start a worker: ${end}; in "${log}":\n${lastLines(fd, from)}`);
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.off(signal, stop);
    child.disconnect();
    child.unref();
    return { pid: child.pid, url, log };
  } finally {
    closeSync(fd);
  }
}

function opened(log: string): number {
  try {
    return openSync(log, 'a+', 0o644);
  } catch (cause) {
    throw new Failure(`write the log "${log}": ${because(cause)}${codeOf(cause) === 'EACCES' ? '; use sudo' : ''}`, { cause });
  }
}

/** Its address, as it tells it itself: others may write to the same log. `wordless`: what is said of one that ended and told nothing. */
async function started(child: ChildProcess, wordless: (end: string) => string): Promise<string> {
  const ended = once(child, 'exit').catch((cause: unknown) => [because(cause)]); // awaited later
  const [outcome]: (Outcome | undefined)[] = await Promise.race([once(child, 'message'), once(child, 'disconnect')]).catch(() => []);
  if (outcome?.at === 'listening') return outcome.url;
  const [code, signal]: unknown[] = await ended;
  const exitCode = typeof code === 'number' && code > 0 ? code : exit.failed;
  const end = signal ?? (typeof code === 'number' ? `exit code ${code}` : code); // or why it could not be started
  throw new Failure(outcome?.why ?? wordless(`it ended with ${end}`), { exitCode });
}

/** Of what was written after the first `from` bytes. */
function lastLines(fd: number, from: number): string {
  const length = fstatSync(fd).size - from;
  const bytes = Buffer.alloc(Math.min(length, shown.bytes));
  const got = readSync(fd, bytes, 0, bytes.length, from + length - bytes.length);
  return bytes
    .toString('utf8', 0, got)
    .trimEnd()
    .split('\n')
    .slice(-shown.lines)
    .map((line) => `  ${line}`)
    .join('\n');
}
