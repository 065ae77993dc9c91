// One sandbox of the sock backend: a process forked from a zygote, its slot, and the request it works on.
import { constants } from 'node:os';
import { type ErrorCode, WorkerError } from '../../errors.ts';
import type { ColdClass, Sandbox, SandboxRequest, SandboxSpec } from '../sandbox.ts';
import { freeze, type Slot } from '../zygote/slots.ts';
import { readTiming, requestFrames, type Timing, timingBytes } from './frames.ts';
import { Lines } from './lines.ts';
import { frameType, type NativeProcess, type ProcessHandlers } from './native.ts';

/** What a lambda's sandbox may do to the backend that made it. */
export interface LeafOwner {
  /** The process is gone and reaped; the slot may go back. */
  gone(leaf: Leaf): void;
  /** The first request has its answer. */
  started(leaf: Leaf): void;
  /** Whether the kernel has ended it for its memory. */
  oomKilled(slot: Slot): boolean;
}

/** Where the addon puts what it reads. */
export class Received {
  readonly view: DataView;
  readonly #bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  copy(offset: number, length: number): Buffer {
    const own = Buffer.allocUnsafe(length);
    own.set(this.#bytes.subarray(offset, offset + length));
    return own;
  }
}

const nothing = Buffer.alloc(0);

type State = { readonly at: 'waiting' } | { readonly at: 'running' } | { readonly at: 'closing' } | { readonly at: 'gone' };

const maxReplyBytes = 64 << 20;
/** Each frame costs memory beyond its bytes, the empty one too. */
const maxBodyFrames = 1 << 16;

export class Leaf implements Sandbox {
  readonly id: string;
  readonly start: ColdClass;
  readonly closed: Promise<void>;
  slot: Slot | undefined;
  readonly #owner: LeafOwner;
  readonly #received: Received;
  #spec: SandboxSpec | undefined;
  #onReady: (() => void) | undefined;
  #process: NativeProcess | undefined;
  #state: State = { at: 'waiting' };
  #resolveClosed: () => void = () => {};
  #request: SandboxRequest | undefined;
  #unsent: Buffer = nothing;
  readonly #out = this.#lines('stdout');
  readonly #err = this.#lines('stderr');
  #number = 0;
  #head: ReplyHead | undefined;
  #body: Buffer[] = [];
  #bodyBytes = 0;
  #lastRequestId: string | undefined;

  constructor(id: string, start: ColdClass, owner: LeafOwner, received: Received) {
    this.id = id;
    this.start = start;
    this.#owner = owner;
    this.#received = received;
    this.closed = new Promise((resolve) => (this.#resolveClosed = resolve));
  }

  /** The process has been asked for, in this slot. `onReady`: for a standby, when it waits for its lambda. */
  begin(process: NativeProcess, slot: Slot, onReady: (() => void) | undefined): void {
    this.#process = process;
    this.slot = slot;
    this.#onReady = onReady;
    if (this.#state.at === 'closing') {
      process.kill();
      return;
    }
    this.#state = { at: 'running' };
  }

  get isGone(): boolean {
    return this.#state.at === 'gone';
  }

  /** What its process is to find in its channel when it begins. */
  get first(): Buffer {
    const first = this.#unsent;
    this.#unsent = nothing;
    return first;
  }

  /** It could not be begun at all. Told later, as every other failure is: never from within create(). */
  abandon(cause: unknown): void {
    queueMicrotask(() => this.#end(new WorkerError('start-failed', { cause })));
  }

  /** The lambda whose code is (or will be) in this sandbox. */
  adopt(spec: SandboxSpec): void {
    this.#spec = spec;
  }

  /** Gives a waiting standby its code and its first request. False when it has died. */
  attach(spec: SandboxSpec, request: SandboxRequest): boolean {
    let attached = false;
    try {
      attached = this.#process?.attach(spec.code.dir, this.#take(request)) ?? false;
    } finally {
      if (attached) this.adopt(spec);
      else this.#request = undefined; // another sandbox gets it, and this one's end must not fail it
    }
    return attached;
  }

  /** Before begin() it waits for the process. */
  request(request: SandboxRequest): void {
    const frames = this.#take(request);
    if (this.#process === undefined) this.#unsent = frames;
    else this.#process.write(frames);
  }

  freeze(): void {
    this.#flushLines();
    if (this.slot !== undefined && this.#state.at === 'running') freeze(this.slot, true);
  }

  thaw(): void {
    if (this.slot?.frozen) freeze(this.slot, false);
  }

  close(): Promise<void> {
    if (this.#state.at === 'running' || this.#state.at === 'waiting') {
      this.#state = { at: 'closing' };
      this.#process?.kill();
    }
    return this.closed;
  }

  /** What the addon calls. */
  readonly handlers: ProcessHandlers = this.#handlers();

  #handlers(): ProcessHandlers {
    return {
      onFrame: (type, number, offset, length) => this.#onFrame(type, number, offset, length),
      onOutput: (stream, bytes) => (stream === 1 ? this.#out : this.#err).write(bytes),
      onExit: (code, signal, reason) => {
        this.#flushLines();
        this.#end(this.#death(code, signal, reason));
      },
    };
  }

  #lines(stream: 'stdout' | 'stderr'): Lines {
    return new Lines((text) => this.#spec?.onLine(stream, text, this.#request?.requestId ?? this.#lastRequestId));
  }

  /** What was written without a newline belongs to the request during which it was written. */
  #flushLines(): void {
    this.#out.flush();
    this.#err.flush();
  }

  #take(request: SandboxRequest): Buffer {
    this.#flushLines();
    this.#request = request;
    this.#number = (this.#number + 1) >>> 0;
    return requestFrames(this.#number, request.requestId, request.body);
  }

  #onFrame(type: number, number: number, offset: number, length: number): void {
    if (type === frameType.ready && this.#onReady !== undefined) {
      this.#onReady();
      this.#onReady = undefined;
    } else if (this.#request === undefined || number !== this.#number) {
      this.#misbehaves('a reply to no request');
    } else if (type === frameType.body) {
      this.#body.push(this.#received.copy(offset, length));
      this.#bodyBytes += length;
      if (this.#bodyBytes > maxReplyBytes || this.#body.length > maxBodyFrames) this.#refuse('reply-too-large');
    } else if (type === frameType.ready || (type === frameType.reply && (this.#head !== undefined || this.#body.length > 0))) {
      this.#misbehaves('a frame out of its order');
    } else if (type === frameType.reply) {
      this.#head = replyHead(this.#received.copy(offset, length));
      if (this.#head === undefined) this.#misbehaves('a reply with an invalid head');
    } else {
      this.#answer(offset, length);
    }
  }

  #answer(offset: number, length: number): void {
    const request = this.#request;
    if (request === undefined) return;
    const timing = readTiming(this.#received.view, offset);
    const rest = this.#received.copy(offset + timingBytes, length - timingBytes);
    const body = this.#body.length === 0 ? rest : Buffer.concat([...this.#body, rest]);
    const head = this.#head;
    this.#reset();
    markPhases(request, timing, this.#number === 1 && this.start === 'standby' ? 'attach' : 'wake');
    if (head?.error !== undefined) request.failed(new WorkerError(head.error, { detail: body.toString('utf8') }));
    else request.answered({ status: head?.status ?? 200, headers: head?.headers ?? jsonHeaders, body });
    if (this.#number === 1) this.#owner.started(this);
  }

  #misbehaves(what: string): void {
    this.#refuse('reply-invalid', what);
  }

  #refuse(code: ErrorCode, detail?: string): void {
    const request = this.#request;
    this.#reset();
    request?.failed(new WorkerError(code, detail === undefined ? {} : { detail }));
    void this.close(); // it is reaped by onExit
  }

  #reset(): void {
    this.#lastRequestId = this.#request?.requestId;
    this.#request = undefined;
    this.#head = undefined;
    this.#body = [];
    this.#bodyBytes = 0;
  }

  #death(code: number, signal: number, reason: string | undefined): WorkerError {
    const neverRan = (code === -1 && signal === 0) || (reason !== undefined && /^(could not|its code could not)/.test(reason));
    if (neverRan) return new WorkerError('start-failed', { cause: reason });
    const name = Object.entries(constants.signals).find(([, n]) => n === signal)?.[0];
    const detail = signal === 0 ? `exit code ${code}` : `signal ${name ?? signal}`;
    const oom = signal === constants.signals.SIGKILL && this.slot !== undefined && this.#owner.oomKilled(this.slot);
    return new WorkerError(oom ? 'sandbox-oom' : 'sandbox-died', { detail, cause: reason });
  }

  #end(error: WorkerError): void {
    if (this.#state.at === 'gone') return;
    const byItself = this.#state.at !== 'closing';
    this.#state = { at: 'gone' };
    this.#process = undefined;
    const request = this.#request;
    this.#reset();
    this.#owner.gone(this);
    this.#resolveClosed();
    request?.failed(error);
    if (byItself) this.#spec?.onDeath();
  }
}

const jsonHeaders = [['content-type', 'application/json']] as const;

interface ReplyHead {
  readonly status: number;
  readonly headers: readonly (readonly [string, string])[];
  readonly error: ErrorCode | undefined;
}

// What a leaf sends is not believed: anything odd is no head.
function replyHead(payload: Buffer): ReplyHead | undefined {
  try {
    const head: unknown = JSON.parse(payload.toString('utf8'));
    if (typeof head !== 'object' || head === null) return undefined;
    const { status, error, headers } = head as { status?: unknown; error?: unknown; headers?: unknown };
    if (typeof status !== 'number' || !Number.isInteger(status) || status < 200 || status > 599) return undefined;
    if (error !== undefined && error !== 'handler-raised' && error !== 'event-invalid') return undefined;
    const pairs = Array.isArray(headers) ? headers.filter(isPair) : jsonHeaders;
    return { status, headers: pairs, error };
  } catch {
    return undefined;
  }
}

function isPair(value: unknown): value is [string, string] {
  return Array.isArray(value) && value.length === 2 && value.every((part) => typeof part === 'string');
}

// The leaf's own times, which it may have made up: kept between the last mark and now.
function markPhases({ phases }: SandboxRequest, t: Timing, waking: 'attach' | 'wake'): void {
  const now = performance.now();
  const mark = (name: string, at: number): void => phases.mark(name, Math.min(at, now));
  if (t.born !== 0) mark('fork', t.born);
  if (t.sealed !== 0) mark('isolate', t.sealed);
  mark(waking, t.received);
  if (t.loaded !== 0) mark('load', t.loaded);
  mark('handler', t.handled);
}
