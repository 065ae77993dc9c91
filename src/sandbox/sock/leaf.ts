// One sandbox of the sock backend: a process forked from a zygote, its slot, and the requests it works on.
import { constants } from 'node:os';
import { WorkerError } from '../../errors.ts';
import { Dialogue, type DialogueOwner, setupOf } from '../channel/dialogue.ts';
import { setupFrame } from '../channel/frames.ts';
import type { Received } from '../channel/received.ts';
import type { ColdClass, Ongoing, Sandbox, SandboxRequest, SandboxSpec } from '../sandbox.ts';
import { freeze, type Slot } from '../zygote/slots.ts';
import type { NativeProcess, ProcessHandlers } from './native.ts';

/** What a lambda's sandbox may do to the backend that made it. */
export interface LeafOwner {
  /** The process is gone and reaped; the slot may go back. */
  gone(leaf: Leaf): void;
  /** The first request has its answer; loading the handler took so long of it. */
  started(leaf: Leaf, loadMs: number): void;
  /** Whether the kernel has ended it for its memory. */
  oomKilled(slot: Slot): boolean;
}

type State = { readonly at: 'waiting' } | { readonly at: 'running' } | { readonly at: 'closing' } | { readonly at: 'gone' };

export class Leaf implements Sandbox, DialogueOwner {
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
  readonly #dialogue = new Dialogue(this);
  /** What is to be sent as soon as there is a process. */
  #unsent: Buffer[] = [];

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
    return this.#dialogue.begin(request, this.start === 'standby' ? 'attach' : 'wake');
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
    this.#dialogue.end(new WorkerError('reply-invalid', { detail: what }));
    const wasIdle = this.#state.at === 'running'; // else that has ended it
    void this.close(); // it is reaped by onExit
    if (wasIdle) this.#spec?.onDeath();
  }

  ready(): void {
    if (this.#onReady === undefined) this.misbehaves('a frame out of its order');
    else this.#onReady();
    this.#onReady = undefined;
  }

  firstAnswered(loadMs: number): void {
    this.#owner.started(this, loadMs);
  }

  freeze(): void {
    this.#dialogue.flush();
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
      onFrame: (type, number, offset, length) => this.#dialogue.onFrame(this.#received, type, number, offset, length),
      onOutput: (stream, bytes) => this.#dialogue.onOutput(stream, bytes),
      onExit: (code, signal, reason) => {
        this.#dialogue.flush();
        this.#end(this.#death(code, signal, reason));
      },
    };
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
    this.#dialogue.end(error);
    if (byItself) this.#spec?.onDeath();
  }
}
