// Makes containers, and knows those that live: gives each an id, a uid of its own, and its box.
import { WorkerError } from '../../errors.ts';
import type { SandboxLimits, SandboxSpec } from '../sandbox.ts';
import type { Box, Boxes } from './boxes.ts';
import { Container } from './container.ts';
import type { Bind } from './container-plan.ts';
import { type Containers, label } from './containers.ts';
import { EngineRefused } from './engine.ts';
import type { KindSource } from './kinds.ts';

export interface MakerOptions {
  readonly containers: Containers;
  readonly boxes: Boxes;
  readonly uids: Uids;
  readonly limits: SandboxLimits;
  readonly runtime: string;
  /** The engine does not answer. */
  onLost(): void;
  log(level: 'warn', text: string, cause: unknown): void;
}

/** Whom containers run as. */
export interface Uids {
  take(size: 1): number | undefined;
  give(uid: number, size: 1): void;
  close(): void;
}

export interface Making {
  /** Undefined for a standby. */
  readonly spec: SandboxSpec | undefined;
  /** Whether its code comes from outside of its image. */
  readonly takesCode: boolean;
  onReady(): void;
  onStarted(): void;
  onGone(error: WorkerError): void;
}

export class Maker {
  readonly #options: MakerOptions;
  readonly #live = new Set<Container>();
  #ids = 0;

  constructor(options: MakerOptions) {
    this.#options = options;
  }

  /** Those that live, or are being removed. */
  get live(): ReadonlySet<Container> {
    return this.#live;
  }

  /** Throws start-failed when there is no uid left, or no place for what a container needs of this machine. */
  make(source: KindSource, { spec, takesCode, onReady, onStarted, onGone }: Making): Container {
    const { containers, uids, limits, runtime, onLost, log } = this.#options;
    const uid = uids.take(1);
    if (uid === undefined) throw new WorkerError('start-failed', { cause: new Error('this worker has no uid left for another container') });
    const id = `${++this.#ids}`;
    const box = this.#box(id, uid);
    const binds: readonly Bind[] = [[box.line, '/line'], ...(takesCode ? [[spec?.code.dir ?? box.code, '/handler'] as const] : [])];
    const own = { limits: spec?.limits ?? limits, uid, runtime, labels: spec === undefined ? {} : { [label.lambda]: spec.lambda } };
    const container = new Container(
      {
        id,
        containers,
        box,
        create: () =>
          this.#create(source, async () => {
            const kind = await source.get();
            return containers.create({ ...kind, ...own, binds: [...kind.binds, ...binds] });
          }),
        onReady,
        onStarted,
        onGone: (error) => {
          this.#live.delete(container);
          uids.give(uid, 1);
          onGone(error);
        },
        onLost,
        log: (text, cause) => log('warn', text, cause),
      },
      spec,
    );
    this.#live.add(container);
    return container;
  }

  #box(id: string, uid: number): Box {
    const { boxes, uids } = this.#options;
    try {
      return boxes.make(id);
    } catch (cause) {
      uids.give(uid, 1);
      throw new WorkerError('start-failed', { cause });
    }
  }

  /** Once more when the engine has lost the image meanwhile. */
  #create(source: KindSource, create: () => Promise<string>): Promise<string> {
    return create().catch((cause: unknown) => {
      if (!(cause instanceof EngineRefused && cause.status === 404)) throw cause;
      source.forget();
      return create();
    });
  }
}
