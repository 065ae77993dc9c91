// One sandbox of the docker backend: a container, its line, and the requests it works on.
import type { Socket } from 'node:net';
import { constants } from 'node:os';
import { WorkerError } from '../../errors.ts';
import { Dialogue, type DialogueOwner, setupOf } from '../channel/dialogue.ts';
import { FrameReader } from '../channel/frame-reader.ts';
import { setupFrame } from '../channel/frames.ts';
import type { Ongoing, Sandbox, SandboxRequest, SandboxSpec } from '../sandbox.ts';
import type { Box } from './boxes.ts';
import type { Containers } from './containers.ts';
import { EngineGone } from './engine.ts';
import { listen } from './line.ts';
import { linkTree } from './link-tree.ts';

export interface ContainerOptions {
  readonly id: string;
  readonly containers: Containers;
  readonly box: Box;
  /** Makes it at the engine; its id there. */
  create(): Promise<string>;
  /** It waits for its lambda, or for its first request. */
  onReady(): void;
  /** Its first request has its answer. */
  onStarted(): void;
  /** Nothing of it is left, or nothing that could be removed now. `error`: how it ended. */
  onGone(error: WorkerError): void;
  /** The engine does not answer. */
  onLost(): void;
  log(text: string, cause: unknown): void;
}

/** A start takes 0.3 s, and seconds where many start at once. */
const startLimitMs = 60_000;
const notReady = `it is not ready after ${startLimitMs / 1000} s (the engine has to run on this machine, and to see its files)`;
/** A guard only: windows bound what is sent. */
const mostOutgoing = 64 << 20;
/** Of what a container writes before it is ready. UTF-16 units. */
const mostWords = 4096;

export class Container implements Sandbox, DialogueOwner {
  readonly id: string;
  readonly start: 'standby' | 'spawned';
  readonly closed: Promise<void>;
  readonly #options: ContainerOptions;
  readonly #dialogue = new Dialogue(this);
  #spec: SandboxSpec | undefined;
  #state: 'starting' | 'ready' | 'over' = 'starting';
  #wasReady = false;
  /** Why it is over; undefined when it was told to end. */
  #why: string | undefined;
  /** Whether its lambda is to be told that it ends: it has not been, and has not ended it. */
  #isNews = true;
  /** The engine's name for it. */
  #name: string | undefined;
  #socket: Socket | undefined;
  #late: NodeJS.Timeout | undefined;
  /** What it has written before it was ready. */
  #words = '';
  /** What keeps frames back: it is not ready, has not got its code, is paused, or is about to be signalled. */
  #holds = 1;
  #held: Buffer[] = [];
  /** What is asked of the engine for it, one after the other. */
  #work: Promise<void> = Promise.resolve();
  #paused = false;
  #resolveOver: () => void = () => {};
  readonly #isOver = new Promise<void>((resolve) => (this.#resolveOver = resolve));

  /** `spec`: undefined for a standby. */
  constructor(options: ContainerOptions, spec: SandboxSpec | undefined) {
    this.id = options.id;
    this.start = spec === undefined ? 'standby' : 'spawned';
    this.#options = options;
    if (spec !== undefined) this.#adopt(spec);
    this.closed = this.#live();
  }

  get spec(): SandboxSpec | undefined {
    return this.#spec;
  }

  /** The engine's name for it, once it has one. */
  get name(): string | undefined {
    return this.#name;
  }

  get wasReady(): boolean {
    return this.#wasReady;
  }

  /** Gives a waiting standby its lambda. False when it has ended. */
  take(spec: SandboxSpec): boolean {
    if (this.#state !== 'ready') return false;
    this.#holds++;
    this.#adopt(spec);
    const { dir } = spec.code; // '': it is in the image
    (dir === '' ? Promise.resolve() : linkTree(dir, this.#options.box.code)).then(
      () => this.#release(),
      (cause: unknown) => this.#fail(new WorkerError('start-failed', { cause })),
    );
    return true;
  }

  request(request: SandboxRequest): Ongoing {
    return this.#dialogue.begin(request, this.start === 'standby' ? 'attach' : 'wake');
  }

  freeze(): void {
    this.#dialogue.flush();
    this.#ask('pause a container, ignoring', async (name) => {
      await this.#options.containers.pause(name);
      this.#paused = true;
    });
  }

  thaw(): void {
    if (this.#state !== 'ready') return;
    this.#holds++;
    this.#ask('unpause a container', async (name) => {
      const still = (cause: unknown): void => this.#fail(cause instanceof EngineGone ? this.#unavailable(cause) : this.#failure(cause));
      if (this.#paused) await this.#options.containers.unpause(name).catch(still);
      this.#paused = false;
      this.#release();
    });
  }

  close(): Promise<void> {
    this.#isNews = false;
    this.#end(undefined);
    return this.closed;
  }

  // ---- DialogueOwner

  send(frames: Buffer): void {
    if (this.#holds > 0) this.#held.push(frames);
    else this.#write(frames);
  }

  /** The signal names no request: the next one is not sent before it has arrived. */
  interrupt(frames: Buffer): void {
    this.send(frames);
    if (this.#state !== 'ready') return;
    this.#holds++;
    this.#ask('interrupt a container, ignoring', (name) => this.#options.containers.signal(name, 'SIGURG').finally(() => this.#release()));
  }

  misbehaves(what: string): void {
    this.#fail(new WorkerError('reply-invalid', { detail: what }));
  }

  ready(): void {
    if (this.#wasReady) this.misbehaves('a frame out of its order');
    if (this.#state !== 'starting') return;
    this.#state = 'ready';
    this.#wasReady = true;
    clearTimeout(this.#late);
    this.#mark('boot');
    this.#options.onReady();
    this.#release();
  }

  firstAnswered(): void {
    this.#options.onStarted();
  }

  // ---- its life

  async #live(): Promise<void> {
    const { box, containers, onGone } = this.#options;
    const error = await this.#run().catch((cause: unknown) => this.#failure(cause));
    this.#end('it could not be started');
    this.#dialogue.flush();
    this.#dialogue.end(error);
    this.#tellDeath();
    const left = (cause: unknown): void => this.#trouble('remove what is left of a container, ignoring', cause);
    if (this.#name !== undefined) await containers.remove(this.#name).catch(left);
    await box.remove().catch(left);
    onGone(error);
  }

  /** From nothing to its end; how it ended. */
  async #run(): Promise<WorkerError> {
    const { box, containers, create } = this.#options;
    const line = await listen(box.socket);
    void line.connected.then((socket) => this.#connect(socket));
    this.#late = setTimeout(() => this.#end(notReady), startLimitMs);
    try {
      this.#name = await create();
      this.#mark('create');
      if (this.#state === 'over') return died();
      const output = await containers.attach(this.#name, (stream, bytes) => this.#onOutput(stream, bytes));
      void output.ended.then(() => this.#socket ?? this.#end('it ended before it was ready'));
      await containers.start(this.#name);
      this.#mark('start');
      await this.#isOver;
      if (this.#why === undefined) return died();
      const { code, oom } = await containers.end(this.#name);
      await output.ended;
      return this.#death(code, oom);
    } finally {
      clearTimeout(this.#late);
      line.close();
    }
  }

  #connect(socket: Socket): void {
    this.#socket = socket;
    if (this.#state === 'over') {
      socket.destroy();
      return;
    }
    const reader = new FrameReader((...frame) => this.#dialogue.onFrame(...frame));
    socket.on('data', (bytes: Buffer) => reader.feed(bytes) || this.#end('it sent something that is no frame'));
    socket.on('error', () => {}); // its close follows
    socket.once('close', () => this.#end('it closed its channel'));
  }

  #onOutput(stream: 1 | 2, bytes: Buffer): void {
    if (!this.#wasReady) this.#words = (this.#words + bytes.toString('utf8')).slice(-mostWords);
    this.#dialogue.onOutput(stream, bytes);
  }

  #death(code: number, oom: boolean): WorkerError {
    const signal = Object.entries(constants.signals).find(([, n]) => n === code - 128)?.[0];
    const detail = signal === undefined ? `exit code ${code}` : `signal ${signal}`;
    if (!this.#wasReady) return new WorkerError('start-failed', { cause: new Error(`${this.#why}: ${detail}: ${this.#words.trim()}`) });
    return new WorkerError(oom && signal === 'SIGKILL' ? 'sandbox-oom' : 'sandbox-died', { detail, cause: this.#why });
  }

  /** Called once or more; the first reason counts. */
  #end(why: string | undefined): void {
    if (this.#state === 'over') return;
    this.#state = 'over';
    this.#why = why;
    this.#socket?.destroy(); // what it says from now on is of no interest
    this.#resolveOver();
    if (this.#dialogue.requests.length === 0) this.#tellDeath(); // those under way wait for how it ended
  }

  #tellDeath(): void {
    if (this.#isNews) this.#spec?.onDeath();
    this.#isNews = false;
  }

  #fail(error: WorkerError): void {
    this.#dialogue.end(error);
    this.#end(undefined);
  }

  #failure(cause: unknown): WorkerError {
    if (cause instanceof WorkerError) return cause;
    const unavailable = cause instanceof EngineGone ? this.#unavailable(cause) : undefined;
    if (this.#wasReady) return new WorkerError('sandbox-died', { cause }); // also without an engine: its calls may have had their effects
    return unavailable ?? new WorkerError('start-failed', { cause });
  }

  #unavailable(cause: EngineGone): WorkerError {
    this.#options.onLost();
    return new WorkerError('backend-unavailable', { cause });
  }

  #trouble(text: string, cause: unknown): void {
    if (cause instanceof EngineGone) this.#options.onLost();
    else this.#options.log(text, cause);
  }

  /** Asks the engine for something when it has done what was asked before. */
  #ask(text: string, work: (name: string) => Promise<void>): void {
    this.#work = this.#work
      .then(() => (this.#name === undefined || this.#state !== 'ready' ? undefined : work(this.#name)))
      .catch((cause: unknown) => this.#trouble(text, cause));
  }

  // ---- what goes to it

  #adopt(spec: SandboxSpec): void {
    this.#spec = spec;
    const setup = setupOf(spec);
    if (setup !== undefined) this.send(setupFrame(setup));
  }

  #release(): void {
    this.#holds--;
    if (this.#holds === 0) for (const frames of this.#held.splice(0)) this.#write(frames);
  }

  #write(frames: Buffer): void {
    this.#socket?.write(frames);
    if ((this.#socket?.writableLength ?? 0) > mostOutgoing) this.#end('it does not read what is sent to it');
  }

  #mark(phase: string): void {
    for (const { phases } of this.#dialogue.requests) phases.mark(phase);
  }
}

function died(): WorkerError {
  return new WorkerError('sandbox-died');
}
