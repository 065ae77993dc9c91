// Which runtime a code package is for: looked up once for each.
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { WorkerError } from '../errors.ts';
import { type Runtime, runtimeOf } from '../runtime/runtime.ts';
import type { Code, SandboxSpec } from './sandbox.ts';

export class RuntimeChoice {
  readonly #runtimes: readonly Runtime[];
  readonly #chosen = new WeakMap<Code, Runtime>();

  constructor(runtimes: readonly Runtime[]) {
    this.#runtimes = runtimes;
  }

  /** Throws code-invalid when none handles it, or not as it is to be called. */
  of({ code, entry, language, concurrency }: Pick<SandboxSpec, 'code' | 'entry' | 'language' | 'concurrency'>): Runtime {
    const runtime = this.#chosen.get(code) ?? this.#choose(code, entry, language);
    if (concurrency > runtime.mostConcurrent) {
      const detail = `concurrency: at most ${runtime.mostConcurrent} for ${runtime.name} lambdas, got ${concurrency}`;
      throw new WorkerError('code-invalid', { detail });
    }
    return runtime;
  }

  #choose(code: Code, entry: SandboxSpec['entry'], language: string | undefined): Runtime {
    const runtimes = this.#runtimes.filter(({ name }) => language === undefined || name === language);
    const { file } = entry;
    const files = readdirSync(code.dir);
    if (file?.includes('/') && existsSync(join(code.dir, file))) files.push(file);
    const runtime = runtimeOf(runtimes, files, entry);
    if (runtime === undefined) {
      const detail = `it has no ${file ?? runtimes.flatMap(({ entries }) => entries).join(', ')}`;
      throw new WorkerError('code-invalid', { detail });
    }
    this.#chosen.set(code, runtime);
    return runtime;
  }
}
