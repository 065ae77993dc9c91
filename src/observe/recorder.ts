// Counts what the front end has finished: by lambda, by start class, by phase. Called once a request, on the warm path.
import { type Finished, starts } from './finished.ts';
import { bucketOf, Histogram } from './histogram.ts';
import { Ring } from './ring.ts';
import { type Series, SeriesTable } from './series.ts';
import { OpStats } from './stats.ts';

export interface RecorderOptions {
  /** Lambdas that may have series of their own at a time. */
  readonly mostLambdas?: number;
  /** Requests to keep for /trace; 0 keeps none. */
  readonly traced?: number;
}

export interface PhaseTotal {
  readonly name: string;
  /** Which of OpenLambda's metrics it is a part of. */
  readonly part: Part;
  count: number;
  /** Milliseconds. */
  sum: number;
}

type Part = 'front end' | 'lambda' | 'sandbox' | 'round trip';

/** Errors that only a lambda of the registry can have. With any other the name may be made up, so that it gets no series before it met a sandbox. */
const knownBy: ReadonlySet<string | undefined> = new Set(['code-invalid', 'start-failed', 'no-room', 'no-instance']);

/** What is not here goes on between the worker and a sandbox that is there. */
const parts: Readonly<Record<string, Part>> = {
  receive: 'front end',
  reply: 'front end',
  code: 'lambda',
  queue: 'lambda',
  spawn: 'sandbox',
  fork: 'sandbox',
  isolate: 'sandbox',
  attach: 'sandbox',
};

export class Recorder {
  readonly ring: Ring;
  readonly stats = new OpStats();
  readonly table: SeriesTable;
  /** Of all requests, by index of the start class in `starts`, the last without one: so that whoever wants the sum has not to go through all lambdas. */
  readonly latency: readonly Histogram[] = Array.from({ length: starts.length + 1 }, () => new Histogram());
  /** By error code. */
  readonly errors = new Map<string, number>();
  /** By index of the start class in `starts`, the last without one; by name. */
  readonly phases: readonly Map<string, PhaseTotal>[] = Array.from({ length: starts.length + 1 }, () => new Map());
  readonly #webRequest = this.stats.operation('web-request');
  readonly #invoke = this.stats.operation('LambdaFunc.Invoke');
  readonly #waitSandbox = this.stats.operation('LambdaInstance-WaitSandbox');
  readonly #roundTrip = this.stats.operation('LambdaInstance-RoundTrip');

  constructor({ mostLambdas = 10_000, traced = 0 }: RecorderOptions = {}) {
    this.table = new SeriesTable(mostLambdas);
    this.ring = new Ring(traced);
  }

  /** Called exactly once for each request, when its reply has been handed over or its client is gone. */
  record(request: Finished): void {
    const start = request.start === undefined ? starts.length : starts.indexOf(request.start);
    const series = this.#seriesOf(request);
    const ms = request.ended - request.began;
    const bucket = bucketOf(ms);
    series.histogram(start).add(ms, bucket);
    this.latency[start]?.add(ms, bucket);
    series.countStatus(request.status);
    series.bytesIn += request.bytesIn;
    series.bytesOut += request.bytesOut;
    if (request.errorCode !== undefined) this.errors.set(request.errorCode, (this.errors.get(request.errorCode) ?? 0) + 1);
    if (request.lambda !== undefined) this.#webRequest.add(ms, bucket);
    this.#recordPhases(request, start, ms);
    this.ring.push(request);
  }

  #seriesOf({ lambda, start, errorCode }: Finished): Series {
    if (lambda === undefined) return this.table.none;
    return this.table.get(lambda) ?? (start !== undefined || knownBy.has(errorCode) ? this.table.make(lambda) : this.table.none);
  }

  #recordPhases({ lambda, phases, start }: Finished, at: number, ms: number): void {
    const totals = this.phases[at];
    let [outside, waiting, trip] = [0, 0, 0];
    for (let i = 0; i < phases.names.length; i++) {
      const [name, length] = [phases.names[i] as string, phases.lengths[i] as number];
      let total = totals?.get(name);
      if (total === undefined) {
        total = { name, part: parts[name] ?? 'round trip', count: 0, sum: 0 };
        totals?.set(name, total);
      }
      total.count++;
      total.sum += length;
      if (total.part === 'round trip') trip += length;
      else if (total.part === 'sandbox') waiting += length;
      else if (total.part === 'front end') outside += length;
    }
    if (lambda === undefined) return;
    this.#invoke.add(ms - outside);
    if (start === undefined) return;
    if (waiting > 0) this.#waitSandbox.add(waiting);
    this.#roundTrip.add(trip);
  }
}
