// What runs the same on every backend is tested on every backend: the table of them.
import { dockerEngine, needsDocker } from './docker/engine.ts';
import { needsRoot, type Owner, startWorker, type Worker, type WorkerOptions } from './worker.ts';

export interface TestedBackend {
  readonly name: 'sock' | 'docker';
  /** The options of its tests: skipped where it cannot run. */
  readonly needs: { readonly skip?: string };
  /** How a sandbox without a standby starts. */
  readonly cold: 'forked' | 'spawned';
  /** A call may take so many times as long as on sock, most of it to start a sandbox. */
  readonly patience: number;
  start(owner: Owner, options: WorkerOptions): Promise<Worker>;
}

const sock: TestedBackend = { name: 'sock', needs: needsRoot, cold: 'forked', patience: 1, start: startWorker };

const docker: TestedBackend = {
  name: 'docker',
  needs: needsDocker,
  cold: 'spawned',
  patience: 5,
  start: async (owner, options) => {
    const { socket } = await dockerEngine();
    return await startWorker(owner, { ...options, config: { ...options.config, sandbox: 'docker', docker: { socket } } });
  },
};

/** In the emulated machine of the vm suite a container takes too long, and nothing of it depends on that kernel. */
export const backends: readonly TestedBackend[] = process.env.SUITE_PREFIX ? [sock] : [sock, docker];

export interface TestedFront extends TestedBackend {
  readonly title: string;
  /** Its name for the engine that serves HTTP. */
  readonly engine: RegExp;
}

/** What clients see is tested on every engine, too. */
export const fronts: readonly TestedFront[] = [
  ...backends.map((backend) => ({ ...backend, title: backend.name, engine: /./ })),
  {
    ...sock,
    title: 'sock on node:http',
    engine: /^node:http/,
    start: (owner, options) => startWorker(owner, { ...options, config: { ...options.config, http_engine: 'node' } }),
  },
];
