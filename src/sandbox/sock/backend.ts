// The sock backend: sandboxes made straight from Linux, forked from zygotes.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { WorkerError } from '../../errors.ts';
import type { Backend, Code, Sandbox, SandboxLimits, SandboxSpec } from '../sandbox.ts';
import { Nursery } from '../zygote/nursery.ts';
import type { StandbyRange } from '../zygote/refill.ts';
import { buildRoot } from './base-root.ts';
import { Cgroups } from './cgroups.ts';
import { Received } from './leaf.ts';
import type { Native } from './native.ts';
import { OwnZygotes } from './own-zygotes.ts';
import { Pool, type PoolOptions } from './pool.ts';
import { UidRange } from './uids.ts';

export interface SockOptions {
  readonly native: Native;
  /** Absolute; the generated root goes there. */
  readonly workerDir: string;
  /** `/` or another directory whose /usr and /etc sandboxes see. */
  readonly base: string;
  readonly limits: SandboxLimits;
  /** Refuse to start where a limit cannot be enforced. */
  readonly strict: boolean;
  readonly standbys: StandbyRange;
  readonly maxSandboxes: number;
  /** How many lambdas may have a zygote of their own. */
  readonly lambdaZygotes: number;
  log(level: 'info' | 'warn' | 'error', text: string, detail?: unknown): void;
}

const python = {
  argv: ['/usr/bin/python3', '-I', '/runtime/zygote.py'],
  environment: [
    'PATH=/usr/local/bin:/usr/bin:/bin',
    'HOME=/tmp',
    'USER=lambda',
    'LANG=C.UTF-8',
    'TMPDIR=/tmp',
    'LD_PRELOAD=/runtime/guest.so',
  ],
  mounts: [],
};

export class SockBackend implements Backend {
  readonly #cgroups: Cgroups;
  readonly #uids: UidRange;
  readonly #nursery: Nursery;
  readonly #python: Pool;
  readonly #own: OwnZygotes;
  #ids = 0;
  #closed = false;

  constructor(options: SockOptions) {
    const { native, workerDir, base, limits, standbys, maxSandboxes, log } = options;
    this.#uids = UidRange.claim(native);
    this.#cgroups = Cgroups.open(native, workerDir);
    tellUnlimited(this.#cgroups, options);
    buildRoot(join(workerDir, 'root'), base);
    mkdirSync(join(workerDir, 'staging'), { recursive: true });
    this.#nursery = new Nursery({ native, cgroups: this.#cgroups, uids: this.#uids, workerDir, base, limits, log });
    const shared: PoolOptions = {
      program: python,
      forked: 'forked',
      nursery: this.#nursery,
      cgroups: this.#cgroups,
      received: new Received(native.received),
      standbys,
      maxSandboxes,
      own: undefined,
      nextId: () => `${++this.#ids}`,
      onLoaded: (spec, loadMs) => this.#own.loaded(spec, loadMs),
      log,
    };
    this.#python = new Pool(shared);
    this.#own = new OwnZygotes(shared, options.lambdaZygotes);
  }

  start(): Promise<void> {
    return this.#python.start();
  }

  create(spec: SandboxSpec): Sandbox {
    if (this.#closed) throw new WorkerError('draining');
    return (this.#own.find(spec) ?? this.#python).create(spec);
  }

  forget(lambda: string, code: Code): void {
    this.#own.forget(lambda, code);
  }

  status(): Readonly<Record<string, unknown>> {
    return { backend: 'sock', ...this.#python.status(), lambdaZygotes: this.#own.count, limitsNotEnforced: this.#cgroups.missing };
  }

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all([this.#own.close(), this.#python.close()]);
    await this.#nursery.close();
    this.#cgroups.close();
    this.#uids.close();
  }
}

function tellUnlimited(cgroups: Cgroups, { strict, log }: SockOptions): void {
  const { missing } = cgroups;
  if (missing.length === 0) return;
  const text = `cgroup v2 has no ${missing.join(', ')} controller here, so these limits of sandboxes are not enforced by cgroups (rlimits stand in for memory and processes; "worker doctor" tells how to mend it)`;
  if (strict) {
    cgroups.close();
    throw new Error(`${text}; limits.enforce is "strict"`);
  }
  log('warn', text);
}
