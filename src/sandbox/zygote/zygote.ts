// One zygote: a process with the interpreter and packages loaded, in a user namespace of its own, from which sandboxes are forked.
import { closeSync, openSync } from 'node:fs';
import type { Program } from '../../runtime/runtime.ts';
import type { SandboxLimits } from '../sandbox.ts';
import type { Cgroups } from '../sock/cgroups.ts';
import { Lines } from '../sock/lines.ts';
import type { ForkServer, Native, NativeProcess, ProcessHandlers } from '../sock/native.ts';
import { type Slot, Slots } from './slots.ts';

const rlimit = { core: 4, files: 7, locked: 8, messages: 12 } as const; // RLIMIT_…

export interface LeafPlan {
  /** The directory for /handler; '': it is there already, or comes later. */
  readonly code: string;
  /** It rehearses, says that it is ready, and waits for its code. */
  readonly standby: boolean;
  /** Undefined: those of all. */
  readonly limits: SandboxLimits | undefined;
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
  /** Words of the interpreter itself: why it could not start, for the most part. */
  onLine(line: string): void;
  /** It is gone, or never came; forks that wait fail. Sandboxes that run are not affected. Not called after close(). */
  onGone(reason: string): void;
}

const firstInside = 1000;
/** An interpreter takes 30 ms to start, and seconds on an emulated machine. */
const startLimitMs = 60_000;

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
  #closing = false;
  #gone = false;

  /** Starts the process; `onServing` when forks can be asked for. Throws with the step that failed. */
  constructor(options: ZygoteOptions, onServing: () => void) {
    this.#options = options;
    const { native, cgroups, uids } = options;
    const inside = { first: firstInside, count: uids.size - 1 };
    this.#userNamespace = native.userNamespace([
      [0, uids.first, 1],
      [inside.first, uids.first + 1, inside.count],
    ]);
    const { directory, self } = cgroups.zygote(options.name, uids.first);
    this.#directory = directory;
    const { process, control, ended } = this.#spawnedOrNothing(self);
    this.#process = process;
    this.#ended = ended;
    const late = setTimeout(() => this.#onGone(`it does not serve after ${startLimitMs / 1000} s`), startLimitMs).unref();
    this.#server = new native.ForkServer(control, {
      onServing: () => {
        clearTimeout(late);
        onServing();
      },
      onGone: (reason) => {
        clearTimeout(late);
        this.#onGone(reason);
      },
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
    const { cgroups } = this.#options;
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
    return process;
  }

  /** Ends the process, waits until the last of its sandboxes is gone, and removes what it had. */
  async close(): Promise<void> {
    this.#closing = true;
    this.#server.close();
    this.#process.kill();
    await this.#ended;
    await this.slots.close();
    closeSync(this.#userNamespace);
    this.#options.native.destroyCgroup(this.#directory, 10_000);
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
    const { native, root, base, staging, program, onLine } = this.#options;
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
          limits: [
            [rlimit.core, 0],
            [rlimit.files, 1024],
            [rlimit.locked, 1 << 20],
            [rlimit.messages, 819_200],
          ],
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

  #onGone(reason: string): void {
    if (this.#gone || this.#closing) return;
    this.#gone = true;
    this.#options.onGone(reason);
  }
}

function settled(): { promise: Promise<void>; resolve: () => void } {
  let resolve = (): void => {};
  const promise = new Promise<void>((r) => (resolve = r));
  return { promise, resolve };
}
