// What every backend gives: sandboxes that answer requests. lambda/ knows nothing below this file.
import type { WorkerError } from '../errors.ts';
import type { Phases } from '../observe/phases.ts';

export const startClasses = ['warm', 'thawed', 'standby', 'forked', 'spawned'] as const;
export type StartClass = (typeof startClasses)[number];
/** The classes in which a sandbox can come to be; the others are ways to meet one that exists. */
export type ColdClass = 'standby' | 'forked' | 'spawned';

/** Code on this node, or an image that a backend can run. */
export interface Code {
  /** sha256, hex: of the package; of the image's manifest for this platform. */
  readonly digest: string;
  /** Absolute directory that becomes /handler; '' for an image. */
  readonly dir: string;
  readonly image?: Image | undefined;
}

export interface Image {
  /** `host[:port]/repository@sha256:…`, which an engine can pull. */
  readonly reference: string;
  /** Unpacked layers on this node, lowest first: absolute directories. Empty where the backend pulls images itself. */
  readonly layers: readonly string[];
  readonly config: ImageConfig;
}

export interface ImageConfig {
  /** `NAME=value` */
  readonly environment: readonly string[];
  /** '' counts as '/'. */
  readonly workingDir: string;
  readonly entrypoint: readonly string[];
  readonly command: readonly string[];
  readonly user: string;
}

export type Headers = readonly (readonly [name: string, value: string])[];

/** What a lambda may know of its request beside the body. Plain data; goes to the sandbox as JSON. */
export interface RequestHead {
  readonly id: string;
  readonly method: string;
  /** `/run/<name>` or `/runLambda/<name>`; `path` is what follows it, as sent: '' or from '/' on. */
  readonly root: string;
  readonly path: string;
  readonly query: string;
  /** Lower-case names. */
  readonly headers: Headers;
  /** Numeric address. */
  readonly client: string;
}

/** A request's body: what has come of it, and the way to what has not. */
export interface RequestBody {
  readonly first: Uint8Array;
  /** Undefined when `first` is all of it. */
  readonly rest: BodyRest | undefined;
}

export interface BodyRest {
  /** Lets it come, once: chunks belong to the receiver, `last` with the last one (which may be empty). */
  read(chunk: (bytes: Uint8Array, last: boolean) => void): void;
  /** The sender waits, but for what is on its way. */
  pause(): void;
  resume(): void;
}

export interface ReplyHead {
  readonly status: number;
  /** Words for the status, where they are not the usual ones. */
  readonly reason?: string | undefined;
  /** Lower-case names. */
  readonly headers: Headers;
}

export interface SandboxRequest {
  readonly head: RequestHead;
  readonly body: RequestBody;
  /** When the call has to be answered: milliseconds of performance.now(). */
  readonly deadline: number;
  readonly phases: Phases;
  /** Load the handler, call nothing; the answer is empty. */
  readonly loadOnly: boolean;
  /** The handler takes bodies as they come, not whole. Said, if ever, in the first request of a sandbox before its reply. */
  streams?(): void;
  /** A whole reply; or begun(), chunks, and ended(). Exactly one of answered, ended, failed is the last to be called, once. */
  answered(reply: ReplyHead & { readonly body: Uint8Array }): void;
  begun(reply: ReplyHead): void;
  /** More of the body, the receiver's own; no more than a window of it comes without used(). */
  chunk(bytes: Uint8Array): void;
  ended(): void;
  failed(error: WorkerError): void;
}

/** A request that is under way. */
export interface Ongoing {
  /** So many bytes of the reply's body are out of the way. */
  used(bytes: number): void;
  /** Nobody waits for the reply any more: the lambda is told. The last callback still comes, when it has heeded that (or is gone). */
  cancel(): void;
}

export interface Sandbox {
  readonly id: string;
  readonly start: ColdClass;
  /** Resolves when the sandbox is gone, with nothing of it left; never rejects. */
  readonly closed: Promise<void>;
  /** Sends one request; never more than the lambda's concurrency at a time. */
  request(request: SandboxRequest): Ongoing;
  freeze(): void;
  thaw(): void;
  /** Ends it and everything of it; idempotent, awaits `closed`. Requests under way fail with sandbox-died. */
  close(): Promise<void>;
}

/** Where a line of a lambda's log comes from: what it prints, or what it logs for one request. */
export type Stream = 'stdout' | 'stderr' | 'log';

/** What holds one sandbox. */
export interface SandboxLimits {
  readonly memoryBytes: number;
  readonly swapBytes: number;
  readonly processes: number;
  /** Percent of one CPU. */
  readonly cpuPercent: number;
  readonly tmpBytes: number;
}

/** Which part of the code is called. All absent: what the runtime finds. */
export interface Entry {
  readonly file?: string;
  readonly wsgi?: string;
  readonly asgi?: string;
}

export interface SandboxSpec {
  readonly lambda: string;
  readonly code: Code;
  /** A start class that must be met, else undefined. */
  readonly cold: ColdClass | undefined;
  readonly environment: Readonly<Record<string, string>>;
  readonly entry: Entry;
  /** By its name; absent: what the code tells. */
  readonly language?: string;
  /** Requests that it is given at a time. */
  readonly concurrency: number;
  /** Undefined: the worker's. */
  readonly limits: SandboxLimits | undefined;
  /** Whether its code may be loaded once and forked from there. */
  readonly zygote: boolean;
  /** A line that the lambda wrote, without its newline. */
  onLine(stream: Stream, line: string, requestId: string | undefined): void;
  /** The sandbox ended by itself; it closes itself. Called at most once, not after close(). */
  onDeath(): void;
}

export interface Backend {
  /** Ready to create. Rejects with what is wrong and how to mend it. */
  start(): Promise<void>;
  /** Starts a sandbox. Throws a WorkerError when the class asked for cannot be had. */
  create(spec: SandboxSpec): Sandbox;
  /** No further sandbox of this code will be asked for: what was kept for it may go. */
  forget(lambda: string, code: Code): void;
  status(): BackendStatus;
  /** Bytes that each sandbox uses, by its id. */
  memory(): ReadonlyMap<string, number> | Promise<ReadonlyMap<string, number>>;
  close(): Promise<void>;
  /** In place of close() when there is no time: what can be ended at once ends, the rest is left. */
  kill(): void;
}

export interface BackendStatus {
  readonly backend: 'sock' | 'docker';
  /** Standbys that wait. */
  readonly standbys: number;
  readonly sandboxes: number;
  /** Zygotes with the handler of one lambda. */
  readonly lambdaZygotes: number;
  readonly limitsNotEnforced: readonly string[];
  readonly [more: string]: unknown;
}
