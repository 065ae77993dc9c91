// The docker backend: sandboxes that are containers of a Docker engine.
import { execFile } from 'node:child_process';
import { copyFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { WorkerError } from '../../errors.ts';
import { pythonRuntime } from '../../runtime/python/runtime.ts';
import type { Runtime } from '../../runtime/runtime.ts';
import { allRuntimes } from '../../runtime/runtimes.ts';
import { RuntimeChoice } from '../runtime-choice.ts';
import type { Backend, BackendStatus, Code, Image, Sandbox, SandboxSpec } from '../sandbox.ts';
import { placeRuntimes } from '../sock/base-root.ts';
import { packageRoot } from '../sock/native.ts';
import { Boxes } from './boxes.ts';
import type { Bind } from './container-plan.ts';
import { entryFile, imageKind } from './image-kind.ts';
import { hostKind, type Kind, KindSource, kindOf } from './kinds.ts';
import { Maker } from './maker.ts';
import { type DockerOptions, type Found, type Parts, partsOf } from './parts.ts';
import { Pool, type PoolOptions, type PoolStatus } from './pool.ts';

/** How many image lambdas may have containers that wait: those that were started last. */
const mostWaiting = 4;

export class DockerBackend implements Backend {
  readonly #options: DockerOptions;
  readonly #parts: Parts;
  readonly #maker: Maker;
  readonly #runtimes: readonly Runtime[];
  readonly #choice: RuntimeChoice;
  readonly #pools = new Map<Runtime, Pool>();
  /** Of image lambdas, those that were used last at the end. */
  readonly #imagePools = new Map<string, Pool>();
  readonly #closing = new AbortController();
  #isUp = true;

  private constructor(options: DockerOptions, parts: Parts) {
    const { workerDir, limits, runtime, log } = options;
    this.#options = options;
    this.#parts = parts;
    this.#maker = new Maker({
      containers: parts.containers,
      boxes: new Boxes(join(workerDir, 'docker', 'boxes')),
      uids: parts.uids,
      limits,
      runtime,
      onLost: () => this.#onLost(),
      log,
    });
    const base = parts.base.isHost ? '/' : '';
    this.#runtimes = allRuntimes({ packageRoot: packageRoot(), base, node: process.execPath, memoryBytes: limits.memoryBytes });
    this.#choice = new RuntimeChoice(this.#runtimes);
    const shared = join(workerDir, 'docker', 'shared');
    rmSync(shared, { recursive: true, force: true });
    placeRuntimes(shared, this.#runtimes);
    copyFileSync(join(packageRoot(), 'build/Release/connect'), join(shared, 'runtime/connect')); // of programs that do not connect by themselves
  }

  /** Finds the engine, removes what a dead worker has left there, and has the image of code packages. Rejects with what is wrong and how to mend it. */
  static async open(options: DockerOptions): Promise<DockerBackend> {
    return new DockerBackend(options, await partsOf(options));
  }

  async start(): Promise<void> {
    if (this.#parts.base.isHost) await compiled(join(this.#options.workerDir, 'docker', 'shared', 'runtime'));
    for (const runtime of this.#runtimes) if (runtime.begins === 'with-worker') this.#begin(runtime).refill();
  }

  create(spec: SandboxSpec): Sandbox {
    if (this.#closing.signal.aborted) throw new WorkerError('draining');
    if (!this.#isUp) throw new WorkerError('backend-unavailable');
    const { image } = spec.code;
    if (image !== undefined) return this.#imagePool(image, spec).create(spec);
    const runtime = this.#choice.of(spec);
    return (this.#pools.get(runtime) ?? this.#begin(runtime)).create(spec);
  }

  forget(_: string, { digest, image }: Code): void {
    if (image === undefined) return;
    for (const [key, pool] of this.#imagePools) {
      if (!key.startsWith(digest)) continue;
      pool.retire();
      this.#imagePools.delete(key);
    }
  }

  status(): BackendStatus {
    const runtimes = [...this.#pools].map(([{ name }, pool]) => [name, pool.status()] as const);
    const images = [...this.#imagePools.values()].map((pool) => pool.status());
    const sum = (count: (status: PoolStatus) => number): number =>
      [...runtimes.map(([, status]) => status), ...images].reduce((all, status) => all + count(status), 0);
    return {
      backend: 'docker',
      engine: this.#isUp ? 'up' : 'gone',
      standbys: sum(({ standbys }) => standbys),
      sandboxes: sum(({ sandboxes }) => sandboxes),
      runtimes: Object.fromEntries(runtimes),
      lambdaZygotes: 0,
      limitsNotEnforced: this.#parts.missing,
    };
  }

  async memory(): Promise<ReadonlyMap<string, number>> {
    const { containers } = this.#parts;
    const used = [...this.#maker.live].map(
      async ({ id, name }) =>
        name === undefined
          ? []
          : await containers.memory(name).then(
              (bytes) => [[id, bytes] as const],
              () => [],
            ), // it has just ended
    );
    return new Map((await Promise.all(used)).flat());
  }

  /** A container ends when it sees that its line is cut; what is paused or busy is left to the next worker. */
  kill(): void {}

  async close(): Promise<void> {
    this.#closing.abort();
    for (const pool of [...this.#pools.values(), ...this.#imagePools.values()]) pool.retire();
    await Promise.all([...this.#maker.live].map((container) => container.close()));
    await this.#parts.engine.close();
    this.#parts.uids.close();
  }

  // ---- what containers are made of

  #begin(runtime: Runtime): Pool {
    const { isHost, found, find } = this.#parts.base;
    const kindWith = (image: Found): Kind =>
      isHost
        ? hostKind(runtime.contained, { ...image, binds: [...this.#shared, ['/usr', '/usr']] })
        : kindOf(runtime.contained, { ...image, binds: this.#shared });
    const kind = new KindSource(async () => kindWith(await find()), kindWith(found));
    const pool = this.#pool({ kind, takesCode: true, mayWait: () => true });
    this.#pools.set(runtime, pool);
    return pool;
  }

  #imagePool(image: Image, spec: SandboxSpec): Pool {
    const file = entryFile(image.config, spec);
    const key = `${spec.code.digest} ${file}`;
    const pool = this.#imagePools.get(key) ?? this.#newImagePool(image, file);
    this.#imagePools.delete(key);
    this.#imagePools.set(key, pool);
    for (const [, other] of [...this.#imagePools].slice(0, -mostWaiting)) other.dismiss();
    return pool;
  }

  #newImagePool(image: Image, file: string): Pool {
    const { images, containers } = this.#parts;
    const { contained } = pythonRuntime({ packageRoot: packageRoot() });
    const options = { images, containers, python: contained, binds: this.#shared, limits: this.#options.limits };
    const pool: Pool = this.#pool({
      kind: new KindSource(() => imageKind(image, file, options)),
      takesCode: false,
      mayWait: () => [...this.#imagePools.values()].slice(-mostWaiting).includes(pool),
    });
    return pool;
  }

  #pool({ kind, takesCode, mayWait }: Pick<PoolOptions, 'kind' | 'takesCode' | 'mayWait'>): Pool {
    const { standbys, log } = this.#options;
    const range = takesCode ? standbys : { least: 0, most: standbys.most };
    return new Pool({ maker: this.#maker, kind, takesCode, standbys: range, mayWait: () => this.#isUp && mayWait(), log });
  }

  /** What every container sees. */
  get #shared(): readonly Bind[] {
    return ['/runtime', '/rehearsal'].map((at) => [join(this.#options.workerDir, 'docker', 'shared', at), at] as const);
  }

  // ---- an engine that goes

  #onLost(): void {
    const { log } = this.#options;
    if (!this.#isUp || this.#closing.signal.aborted) return;
    this.#isUp = false;
    log('error', 'the Docker Engine does not answer: no sandbox can be made until it does');
    const { engine, containers } = this.#parts;
    engine
      .back(this.#closing.signal)
      .then(() => containers.sweep(new Set([...this.#maker.live].flatMap(({ name }) => name ?? []))))
      .then(
        (left) => {
          this.#isUp = true;
          log('info', `the Docker Engine answers again; removed ${left} containers that had ended meanwhile`);
          for (const pool of this.#pools.values()) pool.refill();
        },
        (cause: unknown) => {
          this.#isUp = true; // for the next call to find out
          if (!this.#closing.signal.aborted) log('warn', 'remove what is left of containers, ignoring', cause);
        },
      );
  }
}

/** What Python runs in containers is compiled once rather than at each start, which takes 30 to 60 ms. Its cache says for which Python that is. */
async function compiled(directory: string): Promise<void> {
  await promisify(execFile)('/usr/bin/python3', ['-I', '-m', 'compileall', '-q', directory]).catch(() => {}); // then each start does
}
