// The last requests, as many as were asked for; traces.ts shows them. Kept in columns that are there from the start: a thousand young objects that live
// for a thousand requests would be copied at every collection of the young generation (4 % of the worker's throughput).
import type { Finished, Start } from './finished.ts';
import { Phases } from './phases.ts';

const texts = ['requestId', 'lambda', 'method', 'path', 'start', 'errorCode', 'sandbox', 'traceId', 'spanId', 'parentSpanId'] as const;
type Text = (typeof texts)[number];
/** status, began, ended, bytesIn, bytesOut, whether it is traced and sampled, phases; then name and length of each phase. */
const plainNumbers = 7;
const mostPhases = 16;
const numbersEach = plainNumbers + 2 * mostPhases;
const [untraced, unsampled, sampled] = [0, 1, 2];

export class Ring {
  readonly #size: number;
  readonly #texts: (string | undefined)[];
  readonly #numbers: Float64Array;
  /** Of phases, in the order in which they were met first. */
  readonly #names: string[] = [];
  #next = 0;
  #count = 0;

  /** `size` 0 keeps none. */
  constructor(size: number) {
    this.#size = size;
    this.#texts = new Array(size * texts.length).fill(undefined);
    this.#numbers = new Float64Array(size * numbersEach);
  }

  push(request: Finished): void {
    if (this.#size === 0) return;
    const { trace, phases } = request;
    const t = this.#texts;
    let at = this.#next * texts.length;
    t[at++] = request.requestId;
    t[at++] = request.lambda;
    t[at++] = request.method;
    t[at++] = request.path;
    t[at++] = request.start;
    t[at++] = request.errorCode;
    t[at++] = request.sandbox;
    t[at++] = trace?.traceId;
    t[at++] = trace?.spanId;
    t[at] = trace?.parentSpanId;
    const n = this.#numbers;
    at = this.#next * numbersEach;
    n[at++] = request.status;
    n[at++] = request.began;
    n[at++] = request.ended;
    n[at++] = request.bytesIn;
    n[at++] = request.bytesOut;
    n[at++] = trace === undefined ? untraced : trace.sampled ? sampled : unsampled;
    const count = Math.min(phases.names.length, mostPhases);
    n[at++] = count;
    for (let i = 0; i < count; i++) {
      n[at++] = this.#nameIndex(phases.names[i] as string);
      n[at++] = phases.lengths[i] as number;
    }
    this.#next = (this.#next + 1) % this.#size;
    this.#count = Math.min(this.#count + 1, this.#size);
  }

  /** Oldest first, as of now: what is pushed later is not in it. */
  list(): readonly Finished[] {
    const first = this.#next - this.#count + this.#size;
    return Array.from({ length: this.#count }, (_, i) => this.#at((first + i) % this.#size));
  }

  #at(slot: number): Finished {
    const text = (name: Text) => this.#texts[slot * texts.length + texts.indexOf(name)];
    const from = slot * numbersEach;
    const [status = 0, began = 0, ended = 0, bytesIn = 0, bytesOut = 0, traced, count = 0] = this.#numbers.subarray(
      from,
      from + plainNumbers,
    );
    const phases = new Phases(began);
    for (let i = from + plainNumbers; i < from + plainNumbers + 2 * count; i += 2) {
      phases.names.push(this.#names[this.#numbers[i] as number] as string);
      phases.lengths.push(this.#numbers[i + 1] as number);
    }
    const [traceId = '', spanId = '', parentSpanId] = [text('traceId'), text('spanId'), text('parentSpanId')];
    return {
      requestId: text('requestId') ?? '',
      lambda: text('lambda'),
      method: text('method') ?? '',
      path: text('path'),
      status,
      start: text('start') as Start | undefined,
      errorCode: text('errorCode'),
      phases,
      began,
      ended,
      bytesIn,
      bytesOut,
      sandbox: text('sandbox'),
      trace:
        traced === untraced
          ? undefined
          : { traceId, spanId, ...(parentSpanId !== undefined && { parentSpanId }), sampled: traced === sampled },
    };
  }

  /** Names are the worker's own, and few. */
  #nameIndex(name: string): number {
    const known = this.#names.indexOf(name);
    return known < 0 ? this.#names.push(name) - 1 : known;
  }
}
