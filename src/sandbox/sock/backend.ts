// The sock backend: sandboxes made straight from Linux, forked from zygotes.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { WorkerError } from '../../errors.ts';
import type { Backend, ColdClass, Sandbox, SandboxRequest, SandboxSpec } from '../sandbox.ts';
import { quietMs, standbysToBegin } from '../zygote/refill.ts';
import type { Slot } from '../zygote/slots.ts';
import { Zygote } from '../zygote/zygote.ts';
import { buildRoot } from './base-root.ts';
import { Cgroups, type Controller, type Limits } from './cgroups.ts';
import { Leaf, type LeafOwner, Received } from './leaf.ts';
import type { Native } from './native.ts';
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

/** One for the zygote, the others for its slots. */
const uidsPerZygote = 1024;
/** Slots kept ready beyond the standbys: a burst of that many cold calls waits for none. */
const reserveForBursts = 8;
/** A zygote that does not come up is tried again after this, doubled each time. */
const retryMs = { first: 100, last: 10_000 };

type ZygoteState =
  | { readonly at: 'starting'; readonly zygote: Zygote }
  | { readonly at: 'serving'; readonly zygote: Zygote }
  | { readonly at: 'down'; readonly retry: NodeJS.Timeout };

export class SockBackend implements Backend, LeafOwner {
  readonly #options: SockOptions;
  readonly #cgroups: Cgroups;
  readonly #received: Received;
  readonly #uids: UidRange;
  readonly #leaves = new Map<Leaf, Zygote>();
  readonly #closing = new Set<Promise<void>>();
  /** Parts of the uid range that no zygote has. */
  readonly #freeUids: number[];
  readonly #ready: Leaf[] = [];
  readonly #starting = new Set<Leaf>();
  readonly #whenServing: ((zygote: Zygote | Error) => void)[] = [];
  #coming = 0;
  #quiet: NodeJS.Timeout | undefined;
  #zygote: ZygoteState | undefined;
  #zygotes = 0;
  #retry = retryMs.first;
  #ids = 0;
  #closed = false;

  constructor(options: SockOptions) {
    this.#options = options;
    const { native, workerDir } = options;
    this.#received = new Received(native.received);
    this.#uids = UidRange.claim(native);
    this.#freeUids = Array.from({ length: this.#uids.size / uidsPerZygote }, (_, i) => this.#uids.first + i * uidsPerZygote);
    this.#cgroups = Cgroups.open(native, workerDir);
    const unlimited = (['memory', 'pids', 'cpu'] as const).filter((c) => !this.#cgroups.controllers.has(c));
    if (unlimited.length > 0) this.#tellUnlimited(unlimited);
    buildRoot(this.#path('root'), options.base);
    mkdirSync(this.#path('staging'), { recursive: true });
  }

  async start(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#whenServing.push((zygote) => (zygote instanceof Error ? reject(zygote) : resolve()));
      this.#startZygote();
    });
  }

  create(spec: SandboxSpec, first: SandboxRequest): Sandbox {
    if (this.#closed) throw new WorkerError('draining');
    if (spec.cold === 'spawned') return this.#spawned(spec, first);
    if (spec.cold !== 'forked') {
      const standby = this.#standby(spec, first);
      if (standby !== undefined) return standby;
      if (spec.cold === 'standby') {
        this.#refillSoon();
        throw new WorkerError('force-start-unmet', { detail: 'no standby is waiting' });
      }
    }
    const serving = this.#zygote?.at === 'serving';
    if (spec.cold === 'forked' && !serving) throw new WorkerError('force-start-unmet', { detail: 'no zygote is serving' });
    const leaf = this.#leaf(serving ? 'forked' : 'spawned', spec, first);
    this.#withZygote((zygote) => (zygote instanceof Error ? leaf.abandon(zygote) : this.#fork(zygote, leaf, spec.code.dir)));
    return leaf;
  }

  status(): Readonly<Record<string, unknown>> {
    const zygote = this.#zygote;
    return {
      backend: 'sock',
      zygote: zygote?.at ?? 'none',
      standbys: this.#ready.length,
      sandboxes: this.#leaves.size - this.#ready.length,
      slots: zygote === undefined || zygote.at === 'down' ? undefined : zygote.zygote.slots.counts,
      limitsNotEnforced: (['memory', 'pids', 'cpu'] as const).filter((c) => !this.#cgroups.controllers.has(c)),
    };
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#quiet);
    const zygote = this.#zygote;
    this.#zygote = undefined;
    for (const then of this.#whenServing.splice(0)) then(new WorkerError('draining'));
    await Promise.all([...this.#leaves.keys(), ...this.#starting].map((leaf) => leaf.close()));
    if (zygote?.at === 'down') clearTimeout(zygote.retry);
    else if (zygote !== undefined) await zygote.zygote.close();
    await Promise.all(this.#closing);
    this.#cgroups.close();
    this.#uids.close();
  }

  // ---- LeafOwner

  gone(leaf: Leaf): void {
    const zygote = this.#leaves.get(leaf);
    this.#leaves.delete(leaf);
    this.#starting.delete(leaf);
    const at = this.#ready.indexOf(leaf);
    if (at >= 0) this.#ready.splice(at, 1);
    if (leaf.slot !== undefined) zygote?.slots.give(leaf.slot);
    this.#refillSoon();
  }

  started(leaf: Leaf): void {
    this.#starting.delete(leaf);
    this.#refillSoon();
  }

  oomKills(slot: Slot): number {
    return this.#cgroups.oomKills(slot.directory);
  }

  // ---- ways to start

  #standby(spec: SandboxSpec, first: SandboxRequest): Leaf | undefined {
    for (let leaf = this.#ready.pop(); leaf !== undefined; leaf = this.#ready.pop()) {
      if (!leaf.attach(spec, first)) continue; // it has died; gone() follows
      this.#starting.add(leaf);
      return leaf;
    }
    return undefined;
  }

  // A zygote of its own: the interpreter starts from nothing, forks once, and goes.
  #spawned(spec: SandboxSpec, first: SandboxRequest): Leaf {
    const leaf = this.#leaf('spawned', spec, first);
    try {
      let serving = false;
      const zygote = this.#newZygote(
        { reserve: 1, most: 1 },
        () => {
          serving = true;
          this.#fork(zygote, leaf, spec.code.dir);
        },
        (reason) => {
          if (!serving) leaf.abandon(new Error(reason));
        },
      );
      void leaf.closed.then(() => this.#retire(zygote));
    } catch (cause) {
      leaf.abandon(cause);
    }
    return leaf;
  }

  #leaf(start: ColdClass, spec: SandboxSpec, first: SandboxRequest): Leaf {
    const leaf = new Leaf(`${++this.#ids}`, start, this, this.#received);
    leaf.adopt(spec);
    leaf.request(first);
    this.#starting.add(leaf);
    return leaf;
  }

  #fork(zygote: Zygote, leaf: Leaf, code: string, onReady?: () => void): void {
    zygote.slots.take((slot) => {
      if (slot instanceof Error) return leaf.abandon(slot);
      this.#leaves.set(leaf, zygote);
      try {
        leaf.begin(zygote.fork(slot, code, leaf.handlers), slot, onReady);
      } catch (cause) {
        leaf.slot = slot;
        leaf.abandon(cause);
      }
    });
  }

  #refillSoon(): void {
    if (this.#quiet === undefined) this.#quiet = setTimeout(() => this.#refill(), quietMs);
    else this.#quiet.refresh();
  }

  #refill(): void {
    const zygote = this.#zygote;
    if (this.#closed || zygote?.at !== 'serving') return;
    if (this.#starting.size === 0) zygote.zygote.slots.refill();
    const view = { ready: this.#ready.length, coming: this.#coming, starting: this.#starting.size, target: this.#options.standbys };
    for (let n = standbysToBegin(view); n > 0; n--) {
      const leaf = new Leaf(`${++this.#ids}`, 'standby', this, this.#received);
      this.#coming++;
      let came = false;
      const arrived = (): void => {
        if (came) return;
        came = true;
        this.#coming--;
      };
      void leaf.closed.then(arrived);
      this.#fork(zygote.zygote, leaf, '', () => {
        arrived();
        this.#ready.push(leaf);
      });
    }
  }

  // ---- the zygote

  #withZygote(then: (zygote: Zygote | Error) => void): void {
    if (this.#zygote?.at === 'serving') then(this.#zygote.zygote);
    else this.#whenServing.push(then);
  }

  #startZygote(): void {
    try {
      let came = false;
      const zygote = this.#newZygote(
        {
          reserve: this.#options.standbys + reserveForBursts,
          most: this.#options.maxSandboxes + this.#options.standbys + reserveForBursts,
        },
        () => {
          came = true;
          this.#retry = retryMs.first;
          this.#zygote = { at: 'serving', zygote };
          for (const waiting of this.#whenServing.splice(0)) waiting(zygote);
          this.#refillSoon();
        },
        (reason) => {
          if (this.#closed) return;
          this.#options.log(came ? 'warn' : 'error', `the zygote is gone: ${reason}; starting another`);
          this.#zygoteDown(new Error(`start the zygote: ${reason}`));
          this.#retire(zygote);
        },
      );
      this.#zygote = { at: 'starting', zygote };
    } catch (cause) {
      this.#zygoteDown(cause instanceof Error ? cause : new Error(String(cause)));
    }
  }

  #zygoteDown(error: Error): void {
    for (const waiting of this.#whenServing.splice(0)) waiting(error);
    for (const leaf of this.#ready.splice(0)) void leaf.close(); // its zygote's memory is the old one's
    this.#zygote = { at: 'down', retry: setTimeout(() => this.#startZygote(), this.#retry) };
    this.#retry = Math.min(this.#retry * 2, retryMs.last);
  }

  #newZygote(slots: { reserve: number; most: number }, onServing: () => void, onGone: (reason: string) => void): Zygote {
    const { native, base, limits, tmpBytes, log } = this.#options;
    const first = this.#freeUids.shift();
    if (first === undefined) throw new Error(`start a zygote: ${this.#uids.size / uidsPerZygote} are there already`);
    return new Zygote(
      {
        native,
        cgroups: this.#cgroups,
        name: `z${this.#zygotes++}`,
        uids: { first, size: uidsPerZygote },
        root: this.#path('root'),
        base,
        staging: this.#path('staging'),
        limits,
        tmpBytes,
        reserve: slots.reserve,
        most: Math.min(slots.most, uidsPerZygote - 1),
        onLine: (line) => log('warn', `zygote: ${line}`),
        onGone,
      },
      onServing,
    );
  }

  #retire(zygote: Zygote): void {
    const closed = zygote.close().then(
      () => void this.#freeUids.push(zygote.uid),
      (cause: unknown) => this.#options.log('error', 'remove what a zygote had, ignoring', cause),
    );
    this.#closing.add(closed);
    void closed.then(() => this.#closing.delete(closed));
  }

  #tellUnlimited(missing: readonly Controller[]): void {
    const text = `cgroup v2 has no ${missing.join(', ')} controller here, so these limits of sandboxes are not enforced by cgroups (rlimits stand in for memory and processes; "worker doctor" tells how to mend it)`;
    if (this.#options.strict) throw new Error(`${text}; limits.enforce is "strict"`);
    this.#options.log('warn', text);
  }

  #path(name: string): string {
    return join(this.#options.workerDir, name);
  }
}
