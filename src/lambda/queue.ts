// Calls of one lambda that wait, in the order in which they came. Nothing here takes longer because many wait.
import type { WorkerError } from '../errors.ts';
import type { Call } from './call.ts';

export interface CallQueueOptions {
  readonly patienceMs: number;
  /** A call has waited for its time; it waits no more. */
  onImpatient(call: Call): void;
  /** The client of a call that waits is gone; it waits no more. */
  onCancel(call: Call, why: WorkerError): void;
}

interface Waiting {
  /** Undefined once it waits no more. */
  call: Call | undefined;
  readonly since: number;
}

/** How many are told in one turn of the event loop that they have waited in vain. */
const mostATurn = 64;

export class CallQueue {
  readonly #options: CallQueueOptions;
  #patienceMs: number;
  /** Those before `#first` are through. */
  #waiting: Waiting[] = [];
  #first = 0;
  #length = 0;
  /** One timer for all: it looks at the first call, so that no call that waits for a moment costs a timer of its own. */
  #look: NodeJS.Timeout | undefined;

  constructor(options: CallQueueOptions) {
    this.#options = options;
    this.#patienceMs = options.patienceMs;
  }

  get length(): number {
    return this.#length;
  }

  /** For how long a call waits, also those that do already. */
  set patienceMs(ms: number) {
    if (ms === this.#patienceMs) return;
    this.#patienceMs = ms;
    if (this.#look !== undefined) this.#lookIn(0);
  }

  push(call: Call): void {
    const waiting: Waiting = { call, since: performance.now() };
    this.#waiting.push(waiting);
    this.#length++;
    call.cancel = (why) => {
      this.#leave(waiting);
      this.#options.onCancel(call, why);
    };
    if (this.#look === undefined) this.#lookIn(this.#patienceMs);
  }

  shift(): Call | undefined {
    const waiting = this.#head();
    return waiting === undefined ? undefined : this.#leave(waiting);
  }

  /** Takes all that wait. */
  clear(): Call[] {
    clearTimeout(this.#look);
    this.#look = undefined;
    const calls: Call[] = [];
    for (let call = this.shift(); call !== undefined; call = this.shift()) calls.push(call);
    return calls;
  }

  #leave(waiting: Waiting): Call | undefined {
    const { call } = waiting;
    if (call === undefined) return undefined;
    waiting.call = undefined;
    call.cancel = undefined;
    this.#length--;
    return call;
  }

  /** The first that still waits; forgets those before it. */
  #head(): Waiting | undefined {
    while (this.#first < this.#waiting.length && this.#waiting[this.#first]?.call === undefined) this.#first++;
    if (this.#first > mostATurn && this.#first * 2 > this.#waiting.length) {
      this.#waiting = this.#waiting.slice(this.#first);
      this.#first = 0;
    }
    return this.#waiting[this.#first];
  }

  #lookIn(ms: number): void {
    clearTimeout(this.#look);
    this.#look = setTimeout(() => {
      this.#look = undefined;
      this.#atFirst();
    }, ms);
  }

  #atFirst(): void {
    for (let told = 0, first = this.#head(); first !== undefined; first = this.#head()) {
      const left = first.since + this.#patienceMs - performance.now();
      if (left > 0 || told++ === mostATurn) {
        this.#lookIn(left);
        return;
      }
      const call = this.#leave(first);
      if (call !== undefined) this.#options.onImpatient(call);
    }
  }
}
