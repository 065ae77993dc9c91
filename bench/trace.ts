// strace on running processes and on all that they fork: which system calls, by whom, when.
import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Setting } from './case.ts';
import { pause } from './interleave.ts';

export interface SystemCall {
  /** Of the thread. */
  readonly pid: number;
  /** CLOCK_REALTIME, ns, at its entry. */
  readonly at: number;
  readonly name: string;
  /** Arguments and result as strace writes them, with the paths of descriptors. */
  readonly text: string;
}

export class Trace {
  readonly #strace: ChildProcess;
  readonly #file: string;
  readonly #ended: Promise<void>;

  private constructor(strace: ChildProcess, file: string) {
    this.#strace = strace;
    this.#file = file;
    this.#ended = new Promise((resolve) => strace.once('close', () => resolve()));
  }

  static async start(setting: Setting, pids: readonly number[]): Promise<Trace> {
    const file = join(setting.directory, 'strace');
    const strace = spawn('strace', ['-f', '-ttt', '-y', '-s', '80', '-o', file, ...pids.flatMap((pid) => ['-p', `${pid}`])], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    const trace = new Trace(strace, file);
    let words = '';
    await new Promise<void>((resolve, reject) => {
      strace.once('error', reject);
      strace.once('close', () => reject(new Error(`strace ended: ${words}`)));
      strace.stderr?.on('data', (bytes: Buffer) => {
        words += bytes.toString();
        if (pids.every((pid) => words.includes(`Process ${pid} attached`))) resolve();
      });
    });
    await pause(300); // its other threads
    return setting.own(trace);
  }

  async stop(): Promise<SystemCall[]> {
    await this.close();
    return readFileSync(this.#file, 'utf8').split('\n').flatMap(parse);
  }

  async close(): Promise<void> {
    if (this.#strace.exitCode === null) this.#strace.kill('SIGINT');
    await this.#ended;
  }
}

// `1234 1700000000.123456 write(5</x>, "…", 3) = 3`; what is told in two parts (`<unfinished ...>`, `<... resumed>`) counts where it begins.
function parse(line: string): SystemCall[] {
  const [, pid, seconds, micros, name, text] = /^(\d+) +(\d+)\.(\d+) (\w+)\((.*)$/.exec(line) ?? [];
  if (name === undefined || text === undefined) return [];
  return [{ pid: Number(pid), at: Number(seconds) * 1e9 + Number(micros) * 1e3, name, text }];
}
