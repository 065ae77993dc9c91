// The sock backend: sandboxes made straight from Linux, forked from zygotes.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { WorkerError } from '../../errors.ts';
import type { Backend, ColdClass, Sandbox, SandboxSpec } from '../sandbox.ts';
import { ZygoteKeeper } from '../zygote/keeper.ts';
import { Nursery } from '../zygote/nursery.ts';
import type { Slot } from '../zygote/slots.ts';
import type { Zygote } from '../zygote/zygote.ts';
import { buildRoot } from './base-root.ts';
import { Cgroups, type Limits } from './cgroups.ts';
import { Leaf, type LeafOwner, Received } from './leaf.ts';
import type { Native } from './native.ts';
import { Standbys } from './standbys.ts';
import { UidRange } from './uids.ts';

export interface SockOptions {
  readonly native: Native;
  /** Absolute; the generated root goes there. */
  readonly workerDir: string;
  /** `/` or another directory whose /usr and /etc sandboxes see. */
  readonly base: string;
  readonly limits: Limits;
  readonly tmpBytes: number;
  /** Refuse to start where a limit cannot be enforced. */
  readonly strict: boolean;
  readonly standbys: number;
  readonly maxSandboxes: number;
  log(level: 'info' | 'warn' | 'error', text: string, detail?: unknown): void;
}

/** Slots kept ready beyond the standbys: a burst of that many cold calls waits for none. */
const reserveForBursts = 8;
/** Of a worker's uids, so that some are left for zygotes of one sandbox. */
const mostSlots = 60_000;

export class SockBackend implements Backend, LeafOwner {
  readonly #cgroups: Cgroups;
  readonly #received: Received;
  readonly #uids: UidRange;
  readonly #nursery: Nursery;
  readonly #keeper: ZygoteKeeper;
  readonly #standbys: Standbys;
  /** Those that have a slot, and whose it is. */
  readonly #leaves = new Map<Leaf, Zygote>();
  /** Those whose first request has no answer yet. */
  readonly #starting = new Set<Leaf>();
  #ids = 0;
  #closed = false;

  constructor(options: SockOptions) {
    const { native, workerDir, base, limits, tmpBytes, standbys, log } = options;
    this.#received = new Received(native.received);
    this.#uids = UidRange.claim(native);
    this.#cgroups = Cgroups.open(native, workerDir);
    tellUnlimited(this.#cgroups, options);
    buildRoot(join(workerDir, 'root'), base);
    mkdirSync(join(workerDir, 'staging'), { recursive: true });
    this.#nursery = new Nursery({ native, cgroups: this.#cgroups, uids: this.#uids, workerDir, base, limits, tmpBytes, log });
    const reserve = standbys + reserveForBursts;
    this.#keeper = new ZygoteKeeper({
      nursery: this.#nursery,
      slots: { reserve, most: Math.min(options.maxSandboxes + reserve, mostSlots) },
      onServing: () => this.#standbys.refillSoon(),
      onGone: () => this.#standbys.clear(), // their memory is the old one's
      log,
    });
    this.#standbys = new Standbys({
      target: standbys,
      starting: () => this.#starting.size,
      begin: (ready) => this.#beginStandby(ready),
      onQuiet: () => this.#keeper.serving?.slots.refill(),
    });
  }

  start(): Promise<void> {
    return this.#keeper.start();
  }

  create(spec: SandboxSpec): Sandbox {
    if (this.#closed) throw new WorkerError('draining');
    if (spec.cold === 'spawned') return this.#spawned(spec);
    if (spec.cold !== 'forked') {
      const standby = this.#standby(spec);
      if (standby !== undefined) return standby;
      if (spec.cold === 'standby') {
        this.#standbys.refillSoon();
        throw new WorkerError('force-start-unmet', { detail: 'no standby is waiting' });
      }
    }
    const serving = this.#keeper.serving !== undefined;
    if (spec.cold === 'forked' && !serving) throw new WorkerError('force-start-unmet', { detail: 'no zygote is serving' });
    const leaf = this.#leaf(serving ? 'forked' : 'spawned', spec);
    this.#keeper.whenServing((zygote) => (zygote instanceof Error ? leaf.abandon(zygote) : this.#fork(zygote, leaf, spec.code.dir)));
    return leaf;
  }

  status(): Readonly<Record<string, unknown>> {
    return {
      backend: 'sock',
      zygote: this.#keeper.at,
      standbys: this.#standbys.count,
      sandboxes: this.#leaves.size - this.#standbys.count,
      slots: this.#keeper.serving?.slots.counts,
      limitsNotEnforced: this.#cgroups.missing,
    };
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#standbys.close();
    const leaves = [...this.#leaves.keys(), ...this.#starting].map((leaf) => leaf.close());
    this.#keeper.close();
    await Promise.all(leaves);
    await this.#nursery.close();
    this.#cgroups.close();
    this.#uids.close();
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

  started(leaf: Leaf): void {
    this.#starting.delete(leaf);
    this.#standbys.refillSoon();
  }

  oomKilled(slot: Slot): boolean {
    const kills = this.#cgroups.oomKills(slot.directory);
    const more = kills > slot.oomKills;
    slot.oomKills = kills;
    return more;
  }

  // ---- ways to start

  #standby(spec: SandboxSpec): Leaf | undefined {
    for (let leaf = this.#standbys.take(); leaf !== undefined; leaf = this.#standbys.take()) {
      try {
        if (!leaf.attach(spec)) continue; // it has died; gone() follows
      } catch (cause) {
        void leaf.close(); // gone() follows
        throw new WorkerError('start-failed', { cause });
      }
      this.#starting.add(leaf);
      return leaf;
    }
    return undefined;
  }

  #beginStandby(ready: () => void): Leaf | undefined {
    const zygote = this.#keeper.serving;
    if (this.#closed || zygote === undefined) return undefined;
    const leaf = new Leaf(`${++this.#ids}`, 'standby', this, this.#received);
    this.#fork(zygote, leaf, '', ready);
    return leaf;
  }

  // A zygote of its own: the interpreter starts from nothing, forks once, and goes.
  #spawned(spec: SandboxSpec): Leaf {
    const leaf = this.#leaf('spawned', spec);
    try {
      const zygote = this.#nursery.make({
        reserve: 1,
        most: 1,
        onServing: (own) => this.#fork(own, leaf, spec.code.dir),
        onGone: (_, reason) => leaf.slot ?? leaf.abandon(new Error(reason)),
      });
      void leaf.closed.then(() => this.#nursery.retire(zygote));
    } catch (cause) {
      leaf.abandon(cause);
    }
    return leaf;
  }

  #leaf(start: ColdClass, spec: SandboxSpec): Leaf {
    const leaf = new Leaf(`${++this.#ids}`, start, this, this.#received);
    leaf.adopt(spec);
    this.#starting.add(leaf);
    return leaf;
  }

  #fork(zygote: Zygote, leaf: Leaf, code: string, onReady?: () => void): void {
    zygote.slots.take((slot) => {
      if (slot instanceof Error) return leaf.abandon(slot);
      if (leaf.isGone) return zygote.slots.give(slot); // it was given up while it waited
      this.#leaves.set(leaf, zygote);
      try {
        leaf.begin(zygote.fork(slot, code, leaf.handlers), slot, onReady);
      } catch (cause) {
        leaf.slot = slot;
        leaf.abandon(cause);
      }
    });
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
