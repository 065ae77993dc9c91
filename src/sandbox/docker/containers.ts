// The containers of one worker at the engine: the calls that make, move and remove them. All of them carry the worker's label, by which the next worker
// of the same directory finds what a dead one has left.
import { createHash } from 'node:crypto';
import { Attached } from './attached.ts';
import { type ContainerPlan, createBody } from './container-plan.ts';
import { drained, type Engine, EngineRefused } from './engine.ts';

export const label = { worker: 'sock-worker.worker', lambda: 'sock-worker.lambda' } as const;

export interface Ended {
  readonly code: number;
  /** The kernel has ended something in it for its memory. */
  readonly oom: boolean;
}

export class Containers {
  readonly #engine: Engine;
  readonly #worker: string;

  /** `workerDir`: whose worker it is. */
  constructor(engine: Engine, workerDir: string) {
    this.#engine = engine;
    this.#worker = createHash('sha256').update(workerDir).digest('hex').slice(0, 12);
  }

  /** Its id. Rejects with an EngineRefused of status 404 when the image is not there. */
  async create(plan: ContainerPlan): Promise<string> {
    const body = createBody({ ...plan, labels: { ...plan.labels, [label.worker]: this.#worker } });
    const { Id } = await this.#engine.call<{ Id: string }>('POST', '/containers/create', { body, attempt: 'create a container' });
    return Id;
  }

  /** What it writes, from its start on. Resolves when that can begin; `ended` when no more comes. */
  async attach(id: string, onOutput: (stream: 1 | 2, bytes: Buffer) => void): Promise<{ readonly ended: Promise<void> }> {
    const query = { stream: '1', stdout: '1', stderr: '1' };
    const stream = await this.#engine.stream('POST', path(id, 'attach'), { query, attempt: 'read what a container writes' });
    const attached = new Attached(onOutput);
    return { ended: drained(stream, (bytes) => attached.feed(bytes)) };
  }

  async start(id: string): Promise<void> {
    await this.#post(id, 'start', 'start a container');
  }

  async pause(id: string): Promise<void> {
    await this.#post(id, 'pause', 'pause a container');
  }

  async unpause(id: string): Promise<void> {
    await this.#post(id, 'unpause', 'unpause a container');
  }

  /** Resolves when its first process has the signal. */
  async signal(id: string, signal: NodeJS.Signals): Promise<void> {
    await this.#post(id, 'kill', 'send a signal to a container', { signal });
  }

  /** Bytes that it uses. */
  async memory(id: string): Promise<number> {
    const query = { stream: 'false', 'one-shot': 'true' };
    const attempt = 'look at what a container uses';
    const { memory_stats } = await this.#engine.call<{ memory_stats: { usage?: number } }>('GET', path(id, 'stats'), { query, attempt });
    return memory_stats.usage ?? 0;
  }

  /** Ends it, if it has not ended by itself, and tells how it ended. */
  async end(id: string): Promise<Ended> {
    await this.signal(id, 'SIGKILL').catch(ignoreAbsent);
    await this.#post(id, 'wait', 'wait for the end of a container');
    const attempt = 'look at how a container ended';
    const { State } = await this.#engine.call<{ State: { ExitCode: number; OOMKilled: boolean } }>('GET', path(id, 'json'), { attempt });
    return { code: State.ExitCode, oom: State.OOMKilled };
  }

  /** With whatever runs in it. */
  async remove(id: string): Promise<void> {
    const query = { force: '1', v: '1' };
    await this.#engine.call('DELETE', path(id), { query, attempt: 'remove a container' }).catch(ignoreAbsent);
  }

  /** Removes all of this worker's but those in `kept`; how many there were. */
  async sweep(kept: ReadonlySet<string>): Promise<number> {
    const query = { all: '1', filters: JSON.stringify({ label: [`${label.worker}=${this.#worker}`] }) };
    const found = await this.#engine.call<{ Id: string }[]>('GET', '/containers/json', { query, attempt: 'list containers' });
    const left = found.filter(({ Id }) => !kept.has(Id));
    await Promise.all(left.map(({ Id }) => this.remove(Id)));
    return left.length;
  }

  /** Looks into the files of a container that is never started. */
  async probing<T>(plan: ContainerPlan, look: (exists: (file: string) => Promise<boolean>) => Promise<T>): Promise<T> {
    const id = await this.create(plan);
    try {
      return await look((file) =>
        this.#engine.call('HEAD', path(id, 'archive'), { query: { path: file }, attempt: 'look for a file in an image' }).then(
          () => true,
          (error) => {
            ignoreAbsent(error);
            return false;
          },
        ),
      );
    } finally {
      await this.remove(id);
    }
  }

  async #post(id: string, action: string, attempt: string, query: Readonly<Record<string, string>> = {}): Promise<void> {
    await this.#engine.call('POST', path(id, action), { query, attempt });
  }
}

function path(id: string, action?: string): string {
  return `/containers/${encodeURIComponent(id)}${action === undefined ? '' : `/${action}`}`;
}

/** What is not there, or has ended, or is being removed already. */
function ignoreAbsent(error: unknown): void {
  if (!(error instanceof EngineRefused && (error.status === 404 || error.status === 409))) throw error;
}
