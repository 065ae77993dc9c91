// The slots of one zygote: cgroup, uid, network namespace, scratch. All that a sandbox needs and that can be made before anybody asks for it.
// A slot is used again when its sandbox is gone; what the sandbox could have left in it is made anew, off every request's path.
import { closeSync, openSync, rmdirSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { scratchInodes } from '../bounds.ts';
import type { SandboxLimits } from '../sandbox.ts';
import type { Cgroups } from '../sock/cgroups.ts';
import type { Native } from '../sock/native.ts';

export interface Slot {
  /** As the zygote's user namespace numbers it. */
  readonly uid: number;
  readonly directory: string;
  /** Descriptor of the cgroup's directory, which the zygote gets with each fork. */
  readonly cgroup: number;
  /** Descriptor of cgroup.freeze. */
  readonly freezer: number;
  network: number;
  /** A detached tmpfs; -1 once a sandbox has it. */
  scratch: number;
  frozen: boolean;
  /** Has limits of its own. */
  limited: boolean;
  /** How often the kernel has ended what ran in it for its memory, as far as was looked. */
  oomKills: number;
}

export interface SlotOptions {
  readonly native: Native;
  readonly cgroups: Cgroups;
  /** The zygote's cgroup directory. */
  readonly directory: string;
  readonly userNamespace: number;
  /** Host uid of the zygote, who may fork into the slots. */
  readonly zygoteUid: number;
  readonly firstUid: { readonly inside: number; readonly outside: number };
  readonly limits: SandboxLimits;
  /** Slots kept ready beyond those in use. */
  readonly reserve: number;
  readonly most: number;
}

export class Slots {
  readonly #options: SlotOptions;
  readonly #ready: Slot[] = [];
  readonly #waiting: ((slot: Slot | Error) => void)[] = [];
  /** How many numbers have been given to slots, and those of them that no slot has any more. */
  #numbers = 0;
  readonly #free: number[] = [];
  /** Being made or made anew. */
  #coming = 0;
  #inUse = 0;
  #closed = false;
  #emptied: (() => void) | undefined;

  constructor(options: SlotOptions) {
    this.#options = options;
    this.refill();
  }

  get counts(): { ready: number; coming: number; inUse: number } {
    return { ready: this.#ready.length, coming: this.#coming, inUse: this.#inUse };
  }

  /** Calls back with a slot: at once when one is ready, else when one is; with an error when none can be made. */
  take(then: (slot: Slot | Error) => void): void {
    const slot = this.#ready.pop();
    if (slot === undefined) this.#waiting.push(then);
    else this.#hand(slot, then);
    // While cold starts are under way their processors are theirs, as long as there are enough slots.
    if (this.#ready.length < this.#options.reserve / 2) this.refill();
  }

  /** Makes as many as are to be kept ready. */
  refill(): void {
    const { reserve, most } = this.#options;
    while (
      !this.#closed &&
      this.#numbers - this.#free.length < most &&
      this.#ready.length + this.#coming < reserve + this.#waiting.length
    ) {
      try {
        this.#refresh(this.#make());
      } catch (cause) {
        this.#fail(cause);
        return;
      }
    }
  }

  /** Holds whoever gets the slot to other limits; before anything is in it. */
  limit(slot: Slot, limits: SandboxLimits): void {
    const { native, cgroups } = this.#options;
    slot.limited = true;
    cgroups.limit(slot.directory, limits);
    native.resizeScratch(slot.scratch, scratchSize(limits));
  }

  /** Takes a slot back whose sandbox is gone. */
  give(slot: Slot): void {
    this.#inUse--;
    if (slot.frozen) freeze(slot, false);
    if (slot.scratch >= 0) closeSync(slot.scratch); // nothing was forked into it
    if (slot.limited) this.#options.cgroups.limit(slot.directory, this.#options.limits);
    slot.limited = false;
    this.#refresh(slot);
  }

  /** Ends the slots; resolves when those in use have come back. Their cgroups are the zygote's to remove. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const slot of this.#ready.splice(0)) release(slot);
    for (const then of this.#waiting.splice(0)) then(new Error('take a slot: its zygote is closing'));
    if (this.#inUse + this.#coming > 0) await new Promise<void>((resolve) => (this.#emptied = resolve));
  }

  #hand(slot: Slot, then: (slot: Slot) => void): void {
    this.#inUse++;
    then(slot);
  }

  #make(): Slot {
    const { native, cgroups, directory, zygoteUid, firstUid, limits } = this.#options;
    const index = this.#free[0] ?? this.#numbers;
    const own = join(directory, `sb-${index}`);
    cgroups.slot(own, zygoteUid, limits);
    if (this.#free.shift() === undefined) this.#numbers++;
    const cgroup = native.bindTree(own); // a mount of its own: from there no `..` leads to the cgroups of others
    return {
      uid: firstUid.inside + index,
      directory: own,
      cgroup,
      freezer: openSync(join(own, 'cgroup.freeze'), 'w'),
      network: -1,
      scratch: -1,
      frozen: false,
      limited: false,
      oomKills: 0,
    };
  }

  #refresh(slot: Slot): void {
    const { native, userNamespace, firstUid, limits } = this.#options;
    this.#coming++;
    const uid = firstUid.outside + (slot.uid - firstUid.inside);
    native.refreshSlot({ user: userNamespace, network: slot.network, ...scratchSize(limits), uid }).then(
      ({ network, scratch }) => {
        if (slot.network >= 0 && slot.network !== network) closeSync(slot.network);
        slot.network = network;
        slot.scratch = scratch;
        this.#arrived(slot);
      },
      (cause: unknown) => {
        release(slot);
        rmdirSync(slot.directory);
        this.#free.push(slot.uid - firstUid.inside);
        this.#coming--;
        this.#fail(cause);
      },
    );
  }

  #arrived(slot: Slot): void {
    this.#coming--;
    const next = this.#waiting.shift();
    if (this.#closed) release(slot);
    else if (next === undefined) this.#ready.push(slot);
    else this.#hand(slot, next);
    this.#settle();
  }

  #fail(cause: unknown): void {
    const error = new Error('make a slot for a sandbox', { cause });
    this.#waiting.shift()?.(error);
    this.#settle();
  }

  #settle(): void {
    if (this.#closed && this.#inUse + this.#coming === 0) this.#emptied?.();
  }
}

function scratchSize({ tmpBytes }: SandboxLimits): { bytes: number; inodes: number } {
  return { bytes: tmpBytes, inodes: scratchInodes(tmpBytes) };
}

/** Freezes or thaws what runs in a cgroup: 17 and 11 us. */
export function freeze(cgroup: Pick<Slot, 'freezer' | 'frozen'>, frozen: boolean): void {
  writeSync(cgroup.freezer, frozen ? '1' : '0');
  cgroup.frozen = frozen;
}

function release(slot: Slot): void {
  for (const fd of [slot.cgroup, slot.freezer, slot.network, slot.scratch]) if (fd >= 0) closeSync(fd);
}
