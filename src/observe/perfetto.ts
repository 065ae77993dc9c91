// The requests of a ring as a trace that ui.perfetto.dev and chrome://tracing show: a process a lambda, a track a sandbox, a slice a request, and
// in it its phases. The format: "Trace Event Format", https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU
import type { Finished } from './finished.ts';
import { wallClockUs } from './traces.ts';

/** One JSON text, in pieces. */
export function* perfetto(requests: readonly Finished[]): Generator<string> {
  const ordered = requests.toSorted((a, b) => a.began - b.began);
  const first = ordered[0]?.began ?? 0;
  const tracks = new Tracks();
  yield `{"displayTimeUnit":"ms","otherData":{"began":"${new Date(wallClockUs(first) / 1000).toISOString()}"},"traceEvents":[`;
  yield '{"ph":"M","pid":0,"name":"process_name","args":{"name":"no lambda"}}';
  for (const request of ordered) {
    const slice = new Slice(request, first);
    const { track, made } = tracks.take(slice);
    for (const event of made) yield `,\n${JSON.stringify(event)}`;
    yield slice.events(track);
  }
  yield ']}\n';
}

/** A request in whole nanoseconds since the first one, so that what ends when something else begins does so in the trace as well. */
class Slice {
  readonly request: Finished;
  readonly began: number;
  readonly ended: number;
  readonly #phases: readonly (readonly [name: string, began: number, ended: number])[];

  constructor(request: Finished, first: number) {
    const ns = (ms: number): number => Math.round((ms - first) * 1e6);
    this.request = request;
    this.began = ns(request.began);
    let at = request.began;
    this.#phases = request.phases.list.map(([name, ms]) => {
      const began = at;
      at += ms;
      return [name, ns(began), ns(at)];
    });
    this.ended = Math.max(ns(at), ns(request.ended));
  }

  // Begin and end events, not complete ones: a phase that ends with its request has the very same time then, not a sum that is rounded.
  events({ pid, tid }: Track): string {
    const { requestId, method, path, status, start, errorCode, bytesIn, bytesOut, trace } = this.request;
    const args = { requestId, method, path, status, start, error: errorCode, bytesIn, bytesOut, traceId: trace?.traceId };
    const event = (ph: 'B' | 'E', ns: number, more: string): string => `,\n{"ph":"${ph}","pid":${pid},"tid":${tid},"ts":${us(ns)}${more}}`;
    let text = event('B', this.began, `,"cat":"request","name":"${start ?? 'no sandbox'} ${status}","args":${JSON.stringify(args)}`);
    for (const [name, began, ended] of this.#phases)
      text += event('B', began, `,"cat":"phase","name":${JSON.stringify(name)}`) + event('E', ended, '');
    return text + event('E', this.ended, '');
  }
}

interface Track {
  readonly pid: number;
  readonly tid: number;
  /** When its last slice ends. */
  until: number;
}

/** Finds each slice a track of its sandbox that is free: a sandbox may serve several requests at a time, and calls wait for a busy one. */
class Tracks {
  readonly #processes = new Map<string, number>([['', 0]]);
  readonly #tracks = new Map<string, Track[]>();
  #count = 0;

  /** `made`: events that name what is new. */
  take({ request, began, ended }: Slice): { track: Track; made: readonly object[] } {
    const lambda = request.lambda ?? '';
    const key = JSON.stringify([lambda, request.sandbox]);
    const tracks = this.#tracks.get(key) ?? [];
    this.#tracks.set(key, tracks);
    const free = tracks.find(({ until }) => until <= began);
    if (free !== undefined) {
      free.until = ended;
      return { track: free, made: [] };
    }
    const made: object[] = [];
    let pid = this.#processes.get(lambda);
    if (pid === undefined) {
      pid = this.#processes.size;
      this.#processes.set(lambda, pid);
      made.push({ ph: 'M', pid, name: 'process_name', args: { name: lambda } });
    }
    this.#count++;
    const track = { pid, tid: this.#count, until: ended };
    tracks.push(track);
    const name = request.sandbox === undefined ? 'no sandbox' : `sandbox ${request.sandbox}`;
    made.push({
      ph: 'M',
      pid,
      tid: track.tid,
      name: 'thread_name',
      args: { name: tracks.length === 1 ? name : `${name} (${tracks.length})` },
    });
    return { track, made };
  }
}

/** Microseconds, as the format has them, with the nanoseconds behind the point. */
function us(ns: number): string {
  return `${Math.floor(ns / 1000)}.${`${ns % 1000}`.padStart(3, '0')}`;
}
