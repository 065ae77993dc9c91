// One zygote: a process with the interpreter and packages loaded, in a user namespace of its own, from which sandboxes are forked.
import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import type { Program } from '../../runtime/runtime.ts';
import { rlimits } from '../bounds.ts';
import { Lines } from '../channel/lines.ts';
import type { SandboxLimits } from '../sandbox.ts';
import type { Cgroups } from '../sock/cgroups.ts';
import type { ForkServer, Native, NativeProcess, ProcessHandlers } from '../sock/native.ts';
import { freeze, type Slot, Slots } from './slots.ts';

const rlimit = { data: 2, core: 4, processes: 6, files: 7, locked: 8, messages: 12 } as const; // RLIMIT_…

export interface LeafPlan {
  /** The directory for /handler; '': it is there already, or comes later. */
  readonly code: string;
  /** It rehearses, says that it is ready, and waits for its code. */
  readonly standby: boolean;
  /** Undefined: those of all. */
  readonly limits: SandboxLimits | undefined;
}

/** What a zygote is held to in which a lambda's code runs: it is the code's, whatever it says. */
export interface Confinement {
  readonly limits: SandboxLimits;
  /** Until it serves. */
  readonly startMs: number;
}

export interface ZygoteOptions {
  readonly native: Native;
  readonly cgroups: Cgroups;
  readonly name: string;
  /** Host uids: the first is the zygote's, the others its sandboxes'. */
  readonly uids: { readonly first: number; readonly size: number };
  /** The generated part of the base root, and the directory whose /usr it gets. */
  readonly root: string;
  readonly base: string;
  /** An empty directory of the host. */
  readonly staging: string;
  readonly limits: SandboxLimits;
  readonly program: Program;
  readonly reserve: number;
  readonly most: number;
  /** Undefined: nothing but the interpreter and the worker's own files are in it. */
  readonly confined: Confinement | undefined;
  /** Words of the interpreter itself: why it could not start, for the most part. */
  onLine(line: string): void;
  /** It is gone, or never came; forks that wait fail. Sandboxes that run are not affected. Not called after close(). */
  onGone(reason: string): void;
}

const firstInside = 1000;
/** An interpreter takes 30 ms to start, and seconds on an emulated machine. */
const startLimitMs = 60_000;
/** A confined one that leaves a fork unanswered for so long does not serve any more. A fork takes 1 ms. */
const answerLimitMs = 5000;

interface Spawned {
  readonly process: NativeProcess;
  readonly control: number;
  readonly ended: Promise<void>;
}

export class Zygote {
  readonly slots: Slots;
  readonly #options: ZygoteOptions;
  readonly #userNamespace: number;
  readonly #directory: string;
  readonly #process: NativeProcess;
  readonly #server: ForkServer;
  readonly #ended: Promise<void>;
  /** Of its own cgroup; a confined one runs only while it imports and while it has forks to answer. */
  readonly #self: { readonly freezer: number; frozen: boolean };
  /** Forks without an answer, and how long that may be so. */
  #waiting = 0;
  #late: NodeJS.Timeout | undefined;
  #closing = false;
  #gone = false;

  /** Starts the process; `onServing` when forks can be asked for. Throws with the step that failed. */
  constructor(options: ZygoteOptions, onServing: () => void) {
    this.#options = options;
    const { native, cgroups, uids, confined } = options;
    const inside = { first: firstInside, count: uids.size - 1 };
    this.#userNamespace = native.userNamespace([
      [0, uids.first, 1],
      [inside.first, uids.first + 1, inside.count],
    ]);
    const { directory, self } = cgroups.zygote(options.name, uids.first);
    this.#directory = directory;
    const { process, control, ended } = this.#spawnedOrNothing(self);
    this.#self = { freezer: openSync(join(self, 'cgroup.freeze'), 'w'), frozen: false };
    this.#process = process;
    this.#ended = ended;
    this.#expect('it does not serve', confined?.startMs ?? startLimitMs);
    this.#server = new native.ForkServer(control, {
      onServing: () => {
        this.#rest();
        onServing();
      },
      onAnswered: () => {
        this.#waiting--;
        if (this.#waiting === 0) this.#rest();
        else this.#late?.refresh();
      },
      onGone: (reason) => this.#onGone(reason),
    });
    this.slots = new Slots({
      native,
      cgroups,
      directory,
      userNamespace: this.#userNamespace,
      zygoteUid: uids.first,
      firstUid: { inside: inside.first, outside: uids.first + 1 },
      limits: options.limits,
      reserve: options.reserve,
      most: options.most,
    });
  }

  get uids(): ZygoteOptions['uids'] {
    return this.#options.uids;
  }

  /** Forks a sandbox into the slot, whose scratch it takes. */
  fork(slot: Slot, { code, standby, limits: own }: LeafPlan, handlers: ProcessHandlers): NativeProcess {
    const { cgroups, confined } = this.#options;
    const limits = own ?? this.#options.limits;
    if (own !== undefined) this.slots.limit(slot, own);
    const process = this.#server.fork(
      {
        uid: slot.uid,
        standby,
        cgroup: slot.cgroup,
        network: slot.network,
        scratch: slot.scratch,
        code,
        // Where the cgroup cannot hold it to these, rlimits do as far as they reach.
        dataBytes: cgroups.controllers.has('memory') ? 0 : limits.memoryBytes,
        processes: cgroups.controllers.has('pids') ? 0 : limits.processes,
      },
      handlers,
    );
    closeSync(slot.scratch);
    slot.scratch = -1;
    this.#waiting++;
    if (confined !== undefined && this.#waiting === 1) {
      if (this.#self.frozen) freeze(this.#self, false);
      this.#expect('it does not answer', answerLimitMs);
    }
    return process;
  }

  /** Ends the process, waits until the last of its sandboxes is gone, and removes what it had. */
  async close(): Promise<void> {
    const { native, uids } = this.#options;
    this.#closing = true;
    clearTimeout(this.#late);
    this.#server.close();
    this.#process.kill();
    await this.#ended;
    await this.slots.close();
    closeSync(this.#userNamespace);
    closeSync(this.#self.freezer);
    native.destroyCgroup(this.#directory, 10_000);
    native.reapStrays(uids.first, uids.size); // a zygote can give the worker children that it never heard of
  }

  /** What is made for a process that cannot be started does not stay. */
  #spawnedOrNothing(cgroupDirectory: string): Spawned {
    try {
      return this.#spawn(cgroupDirectory);
    } catch (cause) {
      closeSync(this.#userNamespace);
      this.#options.native.destroyCgroup(this.#directory, 10_000);
      throw cause;
    }
  }

  #spawn(cgroupDirectory: string): Spawned {
    const { native, cgroups, root, base, staging, program, confined, onLine } = this.#options;
    if (confined !== undefined) cgroups.hold(cgroupDirectory, confined.limits);
    const limits = this.#rlimits();
    const cgroup = openSync(cgroupDirectory, 'r');
    const mounts: [number, string][] = [];
    try {
      mounts.push([native.bindTree(root), ''], [native.bindTree(`${base === '/' ? '' : base}/usr`), '/usr']);
      mounts.push([native.devices(), '/dev'], [native.emptyProc(), '/proc']);
      for (const [path, target] of program.mounts) mounts.push([native.bindTree(path), target]);
      const lines = new Lines(onLine);
      const { promise, resolve } = settled();
      const spawned = native.spawn(
        {
          user: this.#userNamespace,
          cgroup,
          staging,
          mounts,
          hostname: 'sandbox',
          limits,
          argv: program.argv,
          environment: program.environment,
        },
        {
          onFrame: () => {},
          onOutput: (_, bytes) => lines.write(bytes),
          onExit: (code, signal, reason) => {
            lines.flush();
            this.#onGone(reason ?? `it ended with ${signal === 0 ? `exit code ${code}` : `signal ${signal}`}`);
            resolve();
          },
        },
      );
      return { ...spawned, ended: promise };
    } finally {
      closeSync(cgroup);
      for (const [fd] of mounts) closeSync(fd);
    }
  }

  // Where the cgroup cannot hold a confined one, rlimits do, as for a leaf; each of its leaves is the zygote's own process for a moment.
  #rlimits(): (readonly [number, number])[] {
    const { cgroups, confined, most } = this.#options;
    const limits: (readonly [number, number])[] = [
      [rlimit.core, rlimits.core],
      [rlimit.files, rlimits.nofile],
      [rlimit.locked, rlimits.memlock],
      [rlimit.messages, rlimits.msgqueue],
    ];
    if (confined === undefined) return limits;
    const { memoryBytes, processes } = confined.limits;
    if (memoryBytes > 0 && !cgroups.controllers.has('memory')) limits.push([rlimit.data, memoryBytes]);
    if (!cgroups.controllers.has('pids')) limits.push([rlimit.processes, processes + most]);
    return limits;
  }

  /** Unless something is heard in time, it is given up. */
  #expect(what: string, ms: number): void {
    clearTimeout(this.#late);
    this.#late = setTimeout(() => this.#onGone(`${what} after ${ms / 1000} s`), ms).unref();
  }

  #rest(): void {
    clearTimeout(this.#late);
    if (this.#options.confined !== undefined) freeze(this.#self, true);
  }

  #onGone(reason: string): void {
    if (this.#gone || this.#closing) return;
    this.#gone = true;
    clearTimeout(this.#late);
    this.#options.onGone(reason);
  }
}

function settled(): { promise: Promise<void>; resolve: () => void } {
  let resolve = (): void => {};
  const promise = new Promise<void>((r) => (resolve = r));
  return { promise, resolve };
}
