// Times what is done to sandboxes and to get code, under the names that OpenLambda's /stats has. Stands between lambda/ (or sock-mode.ts) and what it uses.
import type { OpStats } from '../../observe/stats.ts';
import type { Resolved } from '../../registry/registry.ts';
import type { CodeRegistry } from '../../registry/source-of-code.ts';
import type { Backend, Ongoing, Sandbox, SandboxRequest } from '../../sandbox/sandbox.ts';

type Stats = Pick<OpStats, 'add'>;

export function timedBackend(backend: Backend, stats: Stats): Backend {
  return {
    start: () => backend.start(),
    create: (spec) => new TimedSandbox(backend.create(spec), stats),
    forget: (lambda, code) => backend.forget(lambda, code),
    status: () => backend.status(),
    memory: () => backend.memory(),
    close: () => backend.close(),
    kill: () => backend.kill(),
  };
}

/** A look that finds the code as it was counts, too, as it does in OpenLambda. */
export function timedRegistry(registry: CodeRegistry, stats: Stats): CodeRegistry {
  return {
    resolve: (name, known) => {
      const began = performance.now();
      const note = (resolved: Resolved): Resolved => {
        stats.add('pull-lambda', performance.now() - began);
        return resolved;
      };
      const resolved = registry.resolve(name, known);
      return resolved instanceof Promise ? resolved.then(note) : note(resolved);
    },
  };
}

class TimedSandbox implements Sandbox {
  readonly id: Sandbox['id'];
  readonly start: Sandbox['start'];
  readonly closed: Promise<void>;
  readonly #sandbox: Sandbox;
  readonly #stats: Stats;
  #closing: Promise<void> | undefined;

  constructor(sandbox: Sandbox, stats: Stats) {
    this.id = sandbox.id;
    this.start = sandbox.start;
    this.closed = sandbox.closed;
    this.#sandbox = sandbox;
    this.#stats = stats;
  }

  request(request: SandboxRequest): Ongoing {
    return this.#sandbox.request(request);
  }

  freeze(): void {
    const began = performance.now();
    this.#sandbox.freeze();
    this.#stats.add('Pause()', performance.now() - began);
  }

  thaw(): void {
    const began = performance.now();
    this.#sandbox.thaw();
    this.#stats.add('Unpause()', performance.now() - began);
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    const began = performance.now();
    await this.#sandbox.close();
    this.#stats.add('Destroy()', performance.now() - began);
  }
}
