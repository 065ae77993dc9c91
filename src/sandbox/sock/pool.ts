// The sandboxes of one runtime: the zygote that they are forked from, those that wait for a lambda, those that run.
import { WorkerError } from '../../errors.ts';
import type { Runtime } from '../../runtime/runtime.ts';
import type { Received } from '../channel/received.ts';
import { type StandbyRange, startsUnderWay } from '../refill.ts';
import type { ColdClass, SandboxSpec } from '../sandbox.ts';
import { Standbys } from '../standbys.ts';
import { ZygoteKeeper } from '../zygote/keeper.ts';
import type { Nursery } from '../zygote/nursery.ts';
import type { Slot, Slots } from '../zygote/slots.ts';
import type { Confinement, Zygote } from '../zygote/zygote.ts';
import type { Cgroups } from './cgroups.ts';
import { Leaf, type LeafOwner } from './leaf.ts';

export interface PoolOptions {
  readonly runtime: Pick<Runtime, 'program' | 'start' | 'mostConcurrent'>;
  readonly nursery: Nursery;
  readonly cgroups: Cgroups;
  readonly received: Received;
  readonly standbys: StandbyRange;
  readonly maxSandboxes: number;
  /** The one lambda that it is for: its code is in the zygote already, and loaded. Undefined: for all. */
  readonly own: OwnZygote | undefined;
  nextId(): string;
  /** A sandbox has answered its first request; it took so long to load the handler. */
  onLoaded(spec: SandboxSpec, loadMs: number): void;
  log(level: 'warn' | 'error', text: string): void;
}

export interface PoolStatus {
  readonly zygote: ZygoteKeeper['at'];
  readonly standbys: number;
  /** Standbys that are being made. */
  readonly starting: number;
  readonly sandboxes: number;
  readonly slots: Slots['counts'] | undefined;
}

export interface OwnZygote {
  readonly confined: Confinement;
  onLine(line: string): void;
  /** It serves, or is gone for good. */
  onServing(): void;
  onGone(reason: string): void;
}

/** Slots kept ready beyond the standbys: a burst of that many cold calls waits for none. */
const reserveForBursts = 8;
/** Of a worker's uids, so that some are left for other pools and for zygotes of one sandbox. */
const mostSlots = 16_000;

export class Pool implements LeafOwner {
  readonly #options: PoolOptions;
  readonly #keeper: ZygoteKeeper;
  readonly #standbys: Standbys<Leaf>;
  /** Those that have a slot, and whose it is. */
  readonly #leaves = new Map<Leaf, Zygote>();
  /** Those whose first request has no answer yet, and since when: milliseconds of performance.now(). */
  readonly #starting = new Map<Leaf, number>();
  #closed = false;

  constructor(options: PoolOptions) {
    this.#options = options;
    const { nursery, runtime, standbys, maxSandboxes, own, log } = options;
    this.#keeper = new ZygoteKeeper({
      nursery,
      plan: {
        program: runtime.program,
        reserve: standbys.least + reserveForBursts,
        most: Math.min(maxSandboxes + standbys.most + reserveForBursts, mostSlots),
        confined: own?.confined,
        onLine: own?.onLine,
      },
      replace: own === undefined,
      onServing: () => {
        own?.onServing();
        this.#standbys.refillSoon();
      },
      onGone: (reason) => {
        own?.onGone(reason);
        this.#standbys.clear(); // their memory is the old one's
      },
      log,
    });
    this.#standbys = new Standbys({
      range: standbys,
      starting: () => startsUnderWay(this.#starting.values(), performance.now()),
      begin: (ready) => this.#beginStandby(ready),
      onQuiet: () => this.#keeper.serving?.slots.refill(),
    });
  }

  start(): Promise<void> {
    return this.#keeper.start();
  }

  create(spec: SandboxSpec): Leaf {
    this.#standbys.noteColdStart();
    if (spec.cold === 'spawned' && this.#options.runtime.start !== 'spawned') return this.#spawned(spec);
    // A standby is sealed with the limits of all.
    if (spec.cold !== 'forked' && spec.cold !== 'spawned' && spec.limits === undefined) {
      const standby = this.#standby(spec);
      if (standby !== undefined) return standby;
    }
    if (spec.cold === 'standby') {
      this.#standbys.refillSoon();
      throw new WorkerError('force-start-unmet', { detail: 'no standby is waiting' });
    }
    return this.#forked(spec);
  }

  status(): PoolStatus {
    return {
      zygote: this.#keeper.at,
      standbys: this.#standbys.count,
      starting: this.#standbys.coming,
      sandboxes: [...this.#leaves.keys()].filter(({ spec }) => spec !== undefined).length,
      slots: this.#keeper.serving?.slots.counts,
    };
  }

  /** Bytes that each of its sandboxes uses, by id. */
  memory(): (readonly [id: string, bytes: number])[] {
    return [...this.#leaves.keys()].flatMap(({ id, slot }) =>
      slot === undefined ? [] : [[id, this.#options.cgroups.memory(slot.directory)] as const],
    );
  }

  /** Nothing more will be asked of it; what runs goes on. Resolves when nothing does. */
  async retire(): Promise<void> {
    this.#closed = true;
    this.#standbys.close();
    this.#keeper.close();
    await Promise.all(this.#all().map(({ closed }) => closed));
  }

  async close(): Promise<void> {
    const retired = this.retire();
    for (const leaf of this.#all()) void leaf.close();
    await retired;
  }

  // ---- LeafOwner

  gone(leaf: Leaf): void {
    const zygote = this.#leaves.get(leaf);
    this.#leaves.delete(leaf);
    this.#starting.delete(leaf);
    this.#standbys.remove(leaf);
    if (leaf.slot !== undefined) zygote?.slots.give(leaf.slot);
    if (!this.#closed) this.#standbys.refillSoon();
  }

  started(leaf: Leaf, loadMs: number): void {
    if (leaf.spec !== undefined) this.#options.onLoaded(leaf.spec, loadMs);
    this.#starting.delete(leaf);
    this.#standbys.refillSoon();
  }

  oomKilled(slot: Slot): boolean {
    const kills = this.#options.cgroups.oomKills(slot.directory);
    const more = kills > slot.oomKills;
    slot.oomKills = kills;
    return more;
  }

  #all(): readonly Leaf[] {
    return [...this.#leaves.keys(), ...this.#starting.keys()];
  }

  // ---- ways to start

  #standby(spec: SandboxSpec): Leaf | undefined {
    const standby = this.#standbys.take((leaf) => {
      try {
        return leaf.attach(spec); // gone() follows when it has died
      } catch (cause) {
        void leaf.close(); // gone() follows
        throw new WorkerError('start-failed', { cause });
      }
    });
    if (standby !== undefined) this.#starting.set(standby, performance.now());
    return standby;
  }

  #beginStandby(ready: () => void): Leaf | undefined {
    const zygote = this.#keeper.serving;
    if (this.#closed || zygote === undefined) return undefined;
    const leaf = new Leaf(this.#options.nextId(), 'standby', this, this.#options.received);
    this.#fork(zygote, leaf, undefined, ready);
    return leaf;
  }

  #forked(spec: SandboxSpec): Leaf {
    const serving = this.#keeper.serving !== undefined;
    if (spec.cold === 'forked' && (!serving || this.#options.runtime.start !== 'forked')) {
      throw new WorkerError('force-start-unmet', { detail: serving ? 'this runtime cannot be forked' : 'no zygote is serving' });
    }
    const leaf = this.#leaf(serving ? this.#options.runtime.start : 'spawned', spec);
    this.#keeper.whenServing((zygote) => (zygote instanceof Error ? leaf.abandon(zygote) : this.#fork(zygote, leaf, spec)));
    return leaf;
  }

  // A zygote of its own: the interpreter starts from nothing, forks once, and goes.
  #spawned(spec: SandboxSpec): Leaf {
    const { nursery, runtime } = this.#options;
    const leaf = this.#leaf('spawned', spec);
    try {
      const zygote = nursery.make({
        program: runtime.program,
        reserve: 1,
        most: 1,
        confined: undefined,
        onLine: undefined,
        onServing: (own) => this.#fork(own, leaf, spec),
        onGone: (_, reason) => leaf.slot ?? leaf.abandon(new Error(reason)),
      });
      void leaf.closed.then(() => nursery.retire(zygote));
    } catch (cause) {
      leaf.abandon(cause);
    }
    return leaf;
  }

  #leaf(start: ColdClass, spec: SandboxSpec): Leaf {
    const leaf = new Leaf(this.#options.nextId(), start, this, this.#options.received);
    leaf.adopt(spec);
    this.#starting.set(leaf, performance.now());
    return leaf;
  }

  /** `spec`: undefined for a standby. */
  #fork(zygote: Zygote, leaf: Leaf, spec: SandboxSpec | undefined, onReady?: () => void): void {
    const code = this.#options.own === undefined ? (spec?.code.dir ?? '') : '';
    const plan = { code, standby: spec === undefined, limits: spec?.limits };
    zygote.slots.take((slot) => {
      if (slot instanceof Error) {
        leaf.abandon(slot);
        return;
      }
      if (leaf.isGone) {
        zygote.slots.give(slot); // it was given up while it waited
        return;
      }
      this.#leaves.set(leaf, zygote);
      try {
        leaf.begin(zygote.fork(slot, plan, leaf.handlers), slot, onReady);
      } catch (cause) {
        leaf.slot = slot;
        leaf.abandon(cause);
      }
    });
  }
}
