// What every backend gives: sandboxes that answer requests one after another. lambda/ knows nothing below this file.
import type { WorkerError } from '../errors.ts';
import type { Phases } from '../observe/phases.ts';

export const startClasses = ['warm', 'thawed', 'standby', 'forked', 'spawned'] as const;
export type StartClass = (typeof startClasses)[number];
/** The classes in which a sandbox can come to be; the others are ways to meet one that exists. */
export type ColdClass = 'standby' | 'forked' | 'spawned';

/** Unpacked, immutable code on this node. */
export interface Code {
  /** sha256 of the package, hex. */
  readonly digest: string;
  /** Absolute directory that becomes /handler. */
  readonly dir: string;
}

export interface SandboxRequest {
  readonly requestId: string;
  readonly body: Uint8Array;
  readonly phases: Phases;
  /** Exactly one of these two is called, once. */
  answered(reply: { status: number; headers: readonly (readonly [string, string])[]; body: Uint8Array }): void;
  failed(error: WorkerError): void;
}

export interface Sandbox {
  readonly id: string;
  readonly start: ColdClass;
  /** Resolves when the sandbox is gone, with nothing of it left; never rejects. */
  readonly closed: Promise<void>;
  /** Sends one request; never while another is under way. */
  request(request: SandboxRequest): void;
  freeze(): void;
  thaw(): void;
  /** Ends it and everything of it; idempotent, awaits `closed`. A request under way fails with sandbox-died. */
  close(): Promise<void>;
}

export interface SandboxSpec {
  readonly lambda: string;
  readonly code: Code;
  /** A start class that must be met, else undefined. */
  readonly cold: ColdClass | undefined;
  /** A line that the lambda wrote, without its newline. */
  onLine(stream: 'stdout' | 'stderr', line: string, requestId: string | undefined): void;
  /** The sandbox ended by itself; it closes itself. Called at most once, not after close(). */
  onDeath(): void;
}

export interface Backend {
  /** Ready to create. Rejects with what is wrong and how to mend it. */
  start(): Promise<void>;
  /** Starts a sandbox and sends it its first request. Throws a WorkerError when the class asked for cannot be had. */
  create(spec: SandboxSpec, first: SandboxRequest): Sandbox;
  status(): Readonly<Record<string, unknown>>;
  close(): Promise<void>;
}
