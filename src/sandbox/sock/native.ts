// Loads the addon (native/addon) and says what it exports. Every descriptor that comes back is close-on-exec and belongs to the caller.
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export interface ProcessHandlers {
  /** A frame of the channel, its payload in `received` from `offset` on, until this returns. */
  onFrame(type: number, request: number, offset: number, length: number): void;
  onOutput(stream: 1 | 2, bytes: Buffer): void;
  /** The end, reaped: exit code or -1, signal or 0, and what the worker knows beyond that. Called exactly once, last. */
  onExit(code: number, signal: number, reason: string | undefined): void;
}

export interface NativeProcess {
  /** Sends whole frames; what the channel does not take now follows later. False when some is left. */
  write(frames: Buffer): boolean;
  /** The same, and then SIGURG. */
  interrupt(frames: Buffer): void;
  /** Attaches `codeDirectory` as /handler of a sealed, waiting leaf. False when it has ended already. */
  attach(codeDirectory: string): boolean;
  kill(): void;
}

export interface ForkRequest {
  /** As the zygote's user namespace numbers it. */
  readonly uid: number;
  readonly standby: boolean;
  readonly cgroup: number;
  readonly network: number;
  readonly scratch: number;
  /** The directory for /handler, or '' when it is attached later. */
  readonly code: string;
  /** RLIMIT_DATA in bytes and RLIMIT_NPROC, 0 for none. */
  readonly dataBytes: number;
  readonly processes: number;
}

export interface ForkServer {
  /** Throws when the zygote cannot take the request; a clone that fails is told by onExit. */
  fork(request: ForkRequest, handlers: ProcessHandlers): NativeProcess;
  close(): void;
}

export interface SpawnOptions {
  readonly user: number;
  readonly cgroup: number;
  readonly staging: string;
  readonly mounts: readonly (readonly [fd: number, target: string])[];
  readonly hostname: string;
  readonly limits: readonly (readonly [resource: number, value: number])[];
  readonly argv: readonly string[];
  readonly environment: readonly string[];
}

export interface Native {
  readonly received: Uint8Array;
  /** onAnswered: once for each fork, in their order, unless it is gone. */
  ForkServer: new (
    control: number,
    handlers: { onServing(): void; onAnswered(): void; onGone(reason: string): void },
  ) => ForkServer;
  userNamespace(ids: readonly (readonly [inside: number, outside: number, count: number])[]): number;
  bindTree(path: string): number;
  emptyProc(): number;
  devices(): number;
  /** Makes what one lambda uses up: always a new scratch, a new network namespace (-1: none yet) only when the old one was used. */
  refreshSlot(options: {
    user: number;
    network: number;
    bytes: number;
    inodes: number;
    uid: number;
  }): Promise<{ network: number; scratch: number }>;
  /** Of a scratch that nothing is in yet. */
  resizeScratch(scratch: number, size: { bytes: number; inodes: number }): void;
  spawn(options: SpawnOptions, handlers: ProcessHandlers): { process: NativeProcess; control: number };
  /** Kills all in the cgroup, waits until it is empty, removes it and those below. */
  destroyCgroup(directory: string, timeoutMs: number): void;
  /** Reaps children with these host uids that have ended and that no NativeProcess is for. */
  reapStrays(firstUid: number, count: number): void;
  delegatedCgroup(directory: string): boolean;
  /** Bounds what the kernel keeps unread of each client of a TCP port that this process listens on; returns for how many sockets. */
  boundReceive(port: number, bytes: number): number;
  /** An exclusive flock on an open file; false when somebody else holds it. */
  lock(fd: number): boolean;
}

/** The directory of this package: where package.json is. */
export function packageRoot(): string {
  let directory = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(directory, 'package.json'))) {
    const parent = dirname(directory);
    if (parent === directory) throw new Error(`find package.json above ${fileURLToPath(import.meta.url)}: there is none`);
    directory = parent;
  }
  return directory;
}

export function loadNative(): Native {
  return createRequire(import.meta.url)(join(packageRoot(), 'build/Release/sock.node')) as Native;
}
