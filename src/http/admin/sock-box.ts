// One sandbox that is called by its id: one call at a time, the others wait in the order in which they came.
import { WorkerError } from '../../errors.ts';
import type { Call, Outcome } from '../../lambda/call.ts';
import type { Ongoing, Sandbox } from '../../sandbox/sandbox.ts';
import { memoryText } from './memory-text.ts';

export interface SockBoxOptions {
  readonly timeLimitMs: number;
  /** Calls that may wait. */
  readonly queue: number;
  /** Its sandbox is gone, or going. Called once. */
  onEnd(box: SockBox): void;
}

interface Running {
  /** Undefined once it is settled: cancelled, and not yet at its end. */
  call: Call | undefined;
  ongoing: Ongoing | undefined;
  timer: NodeJS.Timeout;
}

/** A call that was cancelled may take so long to heed it, ms; then the sandbox ends. */
const graceMs = 500;
/** Errors after which the sandbox is as good as before. */
const survived: ReadonlySet<WorkerError['code']> = new Set(['handler-raised', 'event-invalid', 'head-too-large']);

export class SockBox {
  readonly #sandbox: Sandbox;
  readonly #options: SockBoxOptions;
  readonly #born = performance.now();
  readonly #waiting: Call[] = [];
  #running: Running | undefined;
  #state: 'active' | 'paused' | 'ended' = 'active';
  #calls = 0;
  #takesWhole = true;

  constructor(sandbox: Sandbox, options: SockBoxOptions) {
    this.#sandbox = sandbox;
    this.#options = options;
  }

  get id(): string {
    return this.#sandbox.id;
  }

  get state(): 'busy' | 'idle' | 'paused' | 'ended' {
    if (this.#state !== 'active') return this.#state;
    return this.#running === undefined ? 'idle' : 'busy';
  }

  /** Whether its handler takes bodies only whole: known once it is loaded. */
  get takesWhole(): boolean {
    return this.#takesWhole;
  }

  /** Calls that wait for their turn. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /** Has its handler loaded. The call is settled as failed when it cannot be, and the sandbox ends. */
  load(call: Call): void {
    this.#serve(call, true);
  }

  invoke(call: Call): void {
    const refusal = this.#refusal(call);
    if (refusal !== undefined) {
      refuse(call, refusal);
      return;
    }
    this.#calls++;
    if (this.#running === undefined) {
      this.#serve(call, false);
      return;
    }
    this.#waiting.push(call);
    call.cancel = (why) => {
      this.#waiting.splice(this.#waiting.indexOf(call), 1);
      refuse(call, why);
    };
  }

  /** What runs in it stands still as well, and its time goes on. */
  pause(): void {
    if (this.#state !== 'active') return;
    this.#state = 'paused';
    this.#sandbox.freeze();
  }

  unpause(): void {
    if (this.#state !== 'paused') return;
    this.#state = 'active';
    this.#sandbox.thaw();
    this.#next();
  }

  /** Ends it; its calls fail. Idempotent. */
  close(): Promise<void> {
    this.ended();
    return this.#sandbox.close();
  }

  /** The sandbox has ended by itself. */
  ended(): void {
    if (this.#state === 'ended') return;
    this.#state = 'ended';
    this.#options.onEnd(this);
    const calls = [this.#running?.call, ...this.#waiting.splice(0)];
    clearTimeout(this.#running?.timer);
    this.#running = undefined;
    for (const call of calls) if (call !== undefined) refuse(call, new WorkerError('sandbox-died'));
  }

  /** A line for people. `used`: bytes that sandboxes use, by their id. */
  text(used: ReadonlyMap<string, number>): string {
    const { state, waiting } = this;
    const { id, start } = this.#sandbox;
    const seconds = ((performance.now() - this.#born) / 1000).toFixed(1);
    return `SANDBOX ${id}: ${state}, started ${start}, ${waiting} calls wait, ${this.#calls} in all, ${seconds} s old, ${memoryText(used.get(id))}\n`;
  }

  #refusal({ force }: Call): WorkerError | undefined {
    if (force !== undefined && force !== 'warm') return new WorkerError('force-start-unmet');
    if (this.#state === 'paused') return new WorkerError('sandbox-paused');
    return this.#running !== undefined && this.#waiting.length >= this.#options.queue ? new WorkerError('queue-full') : undefined;
  }

  #next(): void {
    if (this.#state !== 'active' || this.#running !== undefined) return;
    const call = this.#waiting.shift();
    if (call !== undefined) this.#serve(call, false);
  }

  #serve(call: Call, loadOnly: boolean): void {
    const { timeLimitMs } = this.#options;
    const deadline = performance.now() + timeLimitMs;
    const start = loadOnly ? this.#sandbox.start : 'warm';
    const late = (): void => this.#cancel(running, new WorkerError('time-limit', { detail: `${timeLimitMs / 1000} s` }));
    const running: Running = { call, ongoing: undefined, timer: setTimeout(late, timeLimitMs).unref() };
    this.#running = running;
    call.phases.mark('queue');
    call.sandbox = this.id;
    call.cancel = (why) => this.#cancel(running, why);
    running.ongoing = this.#sandbox.request({
      head: call.head,
      body: call.body,
      phases: call.phases,
      deadline,
      loadOnly,
      streams: () => {
        this.#takesWhole = false;
      },
      answered: (reply) => this.#over(running, { at: 'answered', reply, start }),
      begun: (reply) => running.call?.begin(reply, start, (bytes) => running.ongoing?.used(bytes)),
      chunk: (bytes) => (running.call === undefined ? running.ongoing?.used(bytes.length) : running.call.chunk(bytes)),
      ended: () => this.#over(running, { at: 'streamed', start }),
      failed: (error) => {
        this.#over(running, { at: 'failed', error, start });
        if (loadOnly || !survived.has(error.code)) void this.close();
      },
    });
    if (running.call === undefined) running.ongoing.cancel(); // its body was too long at once
  }

  /** The sandbox is through with it. */
  #over(running: Running, outcome: Outcome): void {
    settle(running, outcome);
    if (this.#running !== running) return; // it has ended
    clearTimeout(running.timer);
    this.#running = undefined;
    if (outcome.at !== 'failed' || survived.has(outcome.error.code)) this.#next();
  }

  /** Nobody waits for it any more. The lambda is told, and the sandbox ends if it does not heed that soon. */
  #cancel(running: Running, error: WorkerError): void {
    if (running.call === undefined) return;
    settle(running, { at: 'failed', error, start: 'warm' });
    clearTimeout(running.timer);
    running.timer = setTimeout(() => void this.close(), graceMs).unref();
    running.ongoing?.cancel();
  }
}

function settle(running: Running, outcome: Outcome): void {
  const { call } = running;
  if (call === undefined) return;
  running.call = undefined;
  call.cancel = undefined;
  call.settle(outcome);
}

function refuse(call: Call, error: WorkerError): void {
  call.cancel = undefined;
  call.settle({ at: 'failed', error, start: undefined });
}
