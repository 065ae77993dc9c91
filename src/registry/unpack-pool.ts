// The threads in which packages and layers are read, unpacked and removed, so that the event loop never does big work. The only file that knows
// Piscina.
import { statSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { Piscina } from 'piscina';
import type { LayerJob, UnpackedLayer } from './layers/unpack-layer.ts';
import type { Unpacked } from './unpack.ts';
import type { UnpackTask } from './unpack-worker.ts';

/** Beside this file in whatever directory the compiled program is. */
const workerFile = fileURLToPath(new URL('./unpack-worker.js', import.meta.url));

export interface UnpackPoolOptions {
  /** Threads at most, two to four unless given, so that one bad package does not hold up the others; they start when there is work (the first one takes 80 ms) and end when there was none for a while. */
  readonly threads?: number;
}

export class UnpackPool {
  readonly #threads: number;
  readonly #waiting: (() => void)[] = [];
  #busy = 0;
  #piscina: Piscina | undefined;
  #closed = false;

  constructor(options: UnpackPoolOptions = {}) {
    this.#threads = options.threads ?? Math.max(2, Math.min(4, availableParallelism() - 1));
  }

  /** Never rejects: a thread that took too long or too much memory is ended, and the package refused. */
  async unpack(task: UnpackTask): Promise<Unpacked> {
    const { ms } = task.limits;
    try {
      return await this.#run<Unpacked>('unpackTask', task, () => AbortSignal.timeout(ms));
    } catch (error) {
      const detail = this.#closed ? undefined : exhaustion(error, ms);
      return detail === undefined ? { at: 'failed', message: String(error) } : { at: 'exhausted', detail };
    }
  }

  /** The same for a layer. When `cancelled` is aborted, the thread that works on it is ended; what it leaves is no layer. */
  async unpackLayer(job: LayerJob, cancelled?: AbortSignal): Promise<UnpackedLayer> {
    let ms = job.limits.ms;
    try {
      ms += Math.ceil(statSync(job.blob).size / job.limits.bytesPerMs);
      const signal = () => AbortSignal.any([AbortSignal.timeout(ms), ...(cancelled === undefined ? [] : [cancelled])]);
      return await this.#run<UnpackedLayer>('unpackLayer', job, signal);
    } catch (error) {
      const detail = this.#closed || cancelled?.aborted ? undefined : exhaustion(error, ms);
      return detail === undefined ? { at: 'failed', detail: String(error) } : { at: 'exhausted', detail };
    }
  }

  /** Removes a directory and what is in it. */
  async remove(dir: string): Promise<void> {
    await this.#run<undefined>('removeTask', dir);
  }

  /** Ends the threads, also those at work. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const go of this.#waiting.splice(0)) go();
    await this.#piscina?.destroy();
  }

  /** Waits for a free thread here and not in Piscina, so that the deadline counts from when the work begins, which is when `signal` is called. */
  async #run<T>(name: 'unpackTask' | 'unpackLayer' | 'removeTask', task: unknown, signal?: () => AbortSignal): Promise<T> {
    while (this.#busy >= this.#threads && !this.#closed) await new Promise<void>((go) => this.#waiting.push(go));
    if (this.#closed) throw new Error(`${name}: the unpack pool is closed`);
    this.#busy += 1;
    try {
      this.#piscina ??= startPiscina(this.#threads);
      return await this.#piscina.run(task, { name, signal: signal?.() ?? null });
    } finally {
      this.#busy -= 1;
      this.#waiting.shift()?.();
    }
  }
}

/** Why a thread was ended that nobody else ended; undefined when it was not. */
function exhaustion(error: unknown, ms: number): string | undefined {
  if (!(error instanceof Error)) return undefined;
  if (error.name === 'AbortError') return `it takes more than ${ms} ms to unpack`;
  if ('code' in error && error.code === 'ERR_WORKER_OUT_OF_MEMORY') return 'it takes too much memory to unpack';
  return undefined;
}

function startPiscina(threads: number): Piscina {
  const piscina = new Piscina({
    filename: workerFile,
    minThreads: 0,
    maxThreads: threads,
    idleTimeout: 30_000,
    atomics: 'disabled', // a thread that sleeps in Atomics.wait cannot finish closing a stream that failed
    resourceLimits: { maxOldGenerationSizeMb: 512 },
    recordTiming: false,
  });
  // A thread that fails between tasks: nobody waits for it, and the next task starts another.
  piscina.on('error', () => undefined);
  return piscina;
}
