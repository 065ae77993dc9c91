// One sandbox of the sock backend: a process forked from a zygote, its slot, and the requests it works on.
import { constants } from 'node:os';
import { WorkerError } from '../../errors.ts';
import type { ColdClass, Ongoing, Sandbox, SandboxRequest, SandboxSpec } from '../sandbox.ts';
import { freeze, type Slot } from '../zygote/slots.ts';
import { Conversation, type Wire } from './conversation.ts';
import { readTiming, setupFrame, type Timing, timingBytes } from './frames.ts';
import { Lines } from './lines.ts';
import { frameType, type NativeProcess, type ProcessHandlers } from './native.ts';

/** What a lambda's sandbox may do to the backend that made it. */
export interface LeafOwner {
  /** The process is gone and reaped; the slot may go back. */
  gone(leaf: Leaf): void;
  /** The first request has its answer; loading the handler took so long of it. */
  started(leaf: Leaf, loadMs: number): void;
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

type State = { readonly at: 'waiting' } | { readonly at: 'running' } | { readonly at: 'closing' } | { readonly at: 'gone' };

export class Leaf implements Sandbox, Wire {
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
  /** Those under way, by their number. */
  readonly #conversations: Conversation[] = []; // few, and no Map: see Ready in lambda/
  /** What is to be sent as soon as there is a process. */
  #unsent: Buffer[] = [];
  readonly #out = this.#lines('stdout');
  readonly #err = this.#lines('stderr');
  readonly #log = new Lines((text) => this.#spec?.onLine('log', text, this.#logger));
  #logger: string | undefined;
  #number = 0;
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
    for (const frames of this.#unsent.splice(0)) process.write(frames);
  }

  get spec(): SandboxSpec | undefined {
    return this.#spec;
  }

  get isGone(): boolean {
    return this.#state.at === 'gone';
  }

  /** It could not be begun at all. Told later, as every other failure is: never from within create(). */
  abandon(cause: unknown): void {
    queueMicrotask(() => this.#end(new WorkerError('start-failed', { cause })));
  }

  /** The lambda whose code is (or will be) in this sandbox. */
  adopt(spec: SandboxSpec): void {
    this.#spec = spec;
    const setup = setupOf(spec);
    if (setup !== undefined) this.send(setupFrame(setup));
  }

  /** Gives a waiting standby its code. False when it has died. */
  attach(spec: SandboxSpec): boolean {
    if (this.#process?.attach(spec.code.dir) !== true) return false;
    this.adopt(spec);
    return true;
  }

  request(request: SandboxRequest): Ongoing {
    this.#flushLines();
    this.#number = (this.#number + 1) >>> 0 || 1;
    const waking = this.#number === 1 && this.start === 'standby' ? 'attach' : 'wake';
    const conversation = new Conversation(this.#number, request, waking, this);
    this.#conversations.push(conversation);
    if (!conversation.begin()) queueMicrotask(() => this.#over(conversation.number)?.fail(new WorkerError('head-too-large')));
    return conversation;
  }

  send(frames: Buffer): void {
    if (this.#process === undefined) this.#unsent.push(frames);
    else this.#process.write(frames);
  }

  interrupt(frames: Buffer): void {
    if (this.#process === undefined) this.#unsent.push(frames);
    else this.#process.interrupt(frames);
  }

  misbehaves(what: string): void {
    this.#endConversations(new WorkerError('reply-invalid', { detail: what }));
    void this.close(); // it is reaped by onExit
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
    return new Lines((text) => this.#spec?.onLine(stream, text, this.#speaker));
  }

  /** The request to which output belongs: the one that is under way, or the last one; nobody can tell when there are several. */
  get #speaker(): string | undefined {
    if (this.#conversations.length > 1) return undefined;
    return this.#conversations[0]?.request.head.id ?? this.#lastRequestId;
  }

  /** What was written without a newline belongs to the request during which it was written. */
  #flushLines(): void {
    this.#out.flush();
    this.#err.flush();
  }

  #onFrame(type: number, number: number, offset: number, length: number): void {
    if (type === frameType.ready && number === 0 && this.#onReady !== undefined) {
      this.#onReady();
      this.#onReady = undefined;
      return;
    }
    const conversation = this.#conversations.find((known) => known.number === number);
    if (conversation === undefined) {
      this.misbehaves('a reply to no request');
      return;
    }
    if (type === frameType.end || type === frameType.broken) this.#onEnd(conversation, type, offset, length);
    else if (type === frameType.reply) conversation.onReply(this.#timing(offset), this.#afterTiming(offset, length));
    else if (type === frameType.body) conversation.onBody(this.#received.copy(offset, length));
    else if (type === frameType.window) conversation.onWindow(this.#received.view.getUint32(offset, true));
    else if (type === frameType.log) this.#onLog(conversation, offset, length);
    else this.misbehaves('a frame out of its order');
  }

  #timing(offset: number): Timing {
    return readTiming(this.#received.view, offset);
  }

  #afterTiming(offset: number, length: number): Buffer {
    return this.#received.copy(offset + timingBytes, length - timingBytes);
  }

  #onLog({ request }: Conversation, offset: number, length: number): void {
    this.#logger = request.head.id;
    this.#log.write(this.#received.copy(offset + 1, length - 1));
    this.#log.flush();
  }

  #onEnd(conversation: Conversation, type: number, offset: number, length: number): void {
    const timing = this.#timing(offset);
    this.#over(conversation.number);
    if (type === frameType.broken) conversation.onBroken();
    else conversation.onEnd(timing, this.#afterTiming(offset, length));
    if (conversation.number === 1) this.#owner.started(this, timing.loaded === 0 ? 0 : timing.loaded - timing.received);
  }

  #over(number: number): Conversation | undefined {
    const at = this.#conversations.findIndex((known) => known.number === number);
    const [conversation] = at < 0 ? [] : this.#conversations.splice(at, 1);
    if (conversation === undefined) return undefined;
    this.#lastRequestId = conversation.request.head.id;
    return conversation;
  }

  #endConversations(error: WorkerError): void {
    for (const { number } of [...this.#conversations]) this.#over(number)?.fail(error);
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
    this.#owner.gone(this);
    this.#resolveClosed();
    this.#endConversations(error);
    if (byItself) this.#spec?.onDeath();
  }
}

/** What the leaf is told before its first request; undefined when there is nothing to tell. */
function setupOf({ environment, entry, concurrency }: SandboxSpec): object | undefined {
  const plain = concurrency === 1 && Object.keys(environment).length === 0 && Object.keys(entry).length === 0;
  return plain ? undefined : { environment, entry, concurrency };
}
