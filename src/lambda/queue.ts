// The calls of one lambda that wait for an instance, in the order in which they came.
import type { WorkerError } from '../errors.ts';
import type { Call } from './call.ts';

export interface CallQueueOptions {
  readonly patienceMs: number;
  /** A call has waited for `patienceMs`; it waits no more. */
  onImpatient(call: Call): void;
  /** The client of a call that waits is gone; it waits no more. */
  onCancel(call: Call, why: WorkerError): void;
}

interface Waiting {
  readonly call: Call;
  readonly since: number;
}

export class CallQueue {
  readonly #options: CallQueueOptions;
  readonly #waiting: Waiting[] = [];
  /** One timer for all: it looks at the first call, so that no call that waits for a moment costs a timer of its own. */
  #look: NodeJS.Timeout | undefined;

  constructor(options: CallQueueOptions) {
    this.#options = options;
  }

  get length(): number {
    return this.#waiting.length;
  }

  push(call: Call): void {
    const waiting = { call, since: performance.now() };
    this.#waiting.push(waiting);
    call.cancel = (why) => {
      const at = this.#waiting.indexOf(waiting);
      if (at >= 0) this.#waiting.splice(at, 1);
      this.#options.onCancel(call, why);
    };
    if (this.#look === undefined) this.#lookIn(this.#options.patienceMs);
  }

  shift(): Call | undefined {
    const call = this.#waiting.shift()?.call;
    if (call !== undefined) call.cancel = undefined;
    return call;
  }

  /** Takes all that wait. */
  clear(): Call[] {
    clearTimeout(this.#look);
    this.#look = undefined;
    return this.#waiting.splice(0).map(({ call }) => call);
  }

  #lookIn(ms: number): void {
    this.#look = setTimeout(() => {
      this.#look = undefined;
      this.#atFirst();
    }, ms);
  }

  #atFirst(): void {
    const { patienceMs, onImpatient } = this.#options;
    for (let first = this.#waiting[0]; first !== undefined; first = this.#waiting[0]) {
      const left = first.since + patienceMs - performance.now();
      if (left > 0) {
        this.#lookIn(left);
        return;
      }
      this.shift();
      onImpatient(first.call);
    }
  }
}
