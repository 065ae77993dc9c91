// A case, and the setting in which it runs: one process, one temporary directory, and everything that it starts is closed at its end.
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { packageRoot } from '../src/sandbox/sock/native.ts';
import type { CaseResult } from './result.ts';

export interface Case {
  readonly title: string;
  run(setting: Setting): Promise<CaseResult>;
}

export interface Closeable {
  close(): Promise<void> | void;
}

export class Setting {
  readonly quick: boolean;
  /** Temporary, readable by every uid. */
  readonly directory: string;
  readonly #owned: Closeable[] = [];

  constructor(quick: boolean) {
    this.quick = quick;
    this.directory = mkdtempSync(join(tmpdir(), 'sock-bench-'));
    chmodSync(this.directory, 0o755);
  }

  /** How often to do something: a tenth of it with --quick. */
  rounds(full: number): number {
    return this.quick ? Math.max(3, Math.ceil(full / 10)) : full;
  }

  /** Closes `thing` at the end of the case, the last owned first. */
  own<T extends Closeable>(thing: T): T {
    this.#owned.push(thing);
    return thing;
  }

  /** Compiles baseline/<name>.c into the temporary directory; returns the program's path. */
  compile(name: string): string {
    const program = join(this.directory, name);
    // Static: a fork or an exec of it then costs what the kernel's part costs, and no dynamic loading.
    execFileSync('cc', ['-O2', '-Wall', '-static', '-o', program, baseline(`${name}.c`)], { stdio: ['ignore', 'ignore', 'inherit'] });
    return program;
  }

  async close(): Promise<void> {
    for (const thing of this.#owned.splice(0).reverse()) await thing.close();
    rmSync(this.directory, { recursive: true, force: true });
  }
}

/** The path of a file of bench/baseline. */
export function baseline(file: string): string {
  return join(packageRoot(), 'bench/baseline', file);
}

export const runtimeDirectory = join(packageRoot(), 'src/runtime/python');
export const python = '/usr/bin/python3';
