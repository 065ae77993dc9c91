// What GET /metrics shows: the recorder's counts, and gauges of whoever has any.
import { Exposition, labelText } from './exposition.ts';
import { starts } from './finished.ts';
import { edges, type Histogram } from './histogram.ts';
import type { Recorder } from './recorder.ts';

export const contentType = 'text/plain; version=0.0.4; charset=utf-8';

/** A value that is known when it is asked for. Those of one name belong together wherever they stand; their help is that of the first. */
export interface Gauge {
  readonly name: string;
  readonly help: string;
  readonly type?: 'gauge' | 'counter';
  readonly labels?: Readonly<Record<string, string>>;
  readonly value: number;
}

/** Buckets shown, in ms: edges of the histogram's own, so that the counts are exact. */
const shown = [0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 50, 200, 1000, 5000, 20_000];
const shownAt = shown.map((ms) => edges.indexOf(ms));
const ends = [...shown.map((ms) => `${ms / 1000}`), '+Inf'].map((le) => Buffer.from(`${le}"} `));
const classes = [...starts, 'none'] as const;

export class Metrics {
  readonly #recorder: Recorder;
  readonly #gauges: () => readonly Gauge[];
  /** Bytes of the last text: room for as much is had at once, since to grow costs as much as to write. */
  #last = 1 << 16;

  /** `gauges` is called for every text. */
  constructor(recorder: Recorder, gauges: () => readonly Gauge[]) {
    this.#recorder = recorder;
    this.#gauges = gauges;
  }

  /** UTF-8. */
  text(): Buffer {
    const out = new Exposition(this.#last + (this.#last >> 3));
    requests(out, this.#recorder);
    durations(out, this.#recorder);
    phases(out, this.#recorder);
    errors(out, this.#recorder);
    writeGauges(out, this.#gauges());
    const text = out.take();
    this.#last = text.length;
    return text;
  }
}

function requests(out: Exposition, { table }: Recorder): void {
  out.family('sock_requests_total', 'counter', 'Requests, by lambda and status of the reply. No lambda: none was found.');
  for (const { lambda, statuses } of table.all()) {
    // A status below 10 is a class of statuses.
    for (const [status, count] of statuses) {
      out.sample('sock_requests_total', labelText({ lambda, status: status < 10 ? `${status}xx` : `${status}` }), count);
    }
  }
  out.family('sock_request_bytes_total', 'counter', 'Bytes of request bodies, by lambda.');
  for (const { lambda, bytesIn } of table.all()) out.sample('sock_request_bytes_total', labelText({ lambda }), bytesIn);
  out.family('sock_reply_bytes_total', 'counter', 'Bytes of reply bodies, by lambda.');
  for (const { lambda, bytesOut } of table.all()) out.sample('sock_reply_bytes_total', labelText({ lambda }), bytesOut);
}

function durations(out: Exposition, { table }: Recorder): void {
  const name = 'sock_request_duration_seconds';
  out.family(name, 'histogram', 'From the head of a request to the end of its reply, by lambda and by how a sandbox was had.');
  const counts = new Float64Array(ends.length);
  const labelOf = classes.map((start) => labelText({ start }));
  for (const { lambda, latency } of table.all()) {
    const mine = labelText({ lambda });
    latency.forEach((histogram, start) => {
      if (histogram === undefined) return;
      const labels = `${mine},${labelOf[start]}`;
      cumulate(histogram, counts);
      out.lines(`${name}_bucket{${labels},le="`, ends, counts);
      out.sample(`${name}_sum`, labels, histogram.sum / 1000);
      out.sample(`${name}_count`, labels, histogram.count);
    });
  }
}

function cumulate({ counts, count }: Histogram, into: Float64Array): void {
  let [seen, at] = [0, 0];
  for (let i = 0; i < shownAt.length; i++) {
    for (const edge = shownAt[i] ?? 0; at <= edge; at++) seen += counts[at] ?? 0;
    into[i] = seen;
  }
  into[shownAt.length] = count;
}

function phases(out: Exposition, recorder: Recorder): void {
  const name = 'sock_phase_duration_seconds';
  out.family(name, 'summary', 'Time that requests spent in each phase, by phase and by how a sandbox was had.');
  recorder.phases.forEach((totals, start) => {
    for (const { name: phase, sum, count } of totals.values()) {
      const labels = labelText({ phase, start: classes[start] ?? '' });
      out.sample(`${name}_sum`, labels, sum / 1000);
      out.sample(`${name}_count`, labels, count);
    }
  });
}

function errors(out: Exposition, recorder: Recorder): void {
  out.family('sock_errors_total', 'counter', 'Requests that failed, by error code.');
  for (const [code, count] of recorder.errors) out.sample('sock_errors_total', labelText({ code }), count);
}

function writeGauges(out: Exposition, gauges: readonly Gauge[]): void {
  const families = new Map<string, Gauge[]>();
  for (const gauge of gauges) {
    const family = families.get(gauge.name);
    if (family === undefined) families.set(gauge.name, [gauge]);
    else family.push(gauge);
  }
  for (const [name, family] of families) {
    out.family(name, family[0]?.type ?? 'gauge', family[0]?.help ?? '');
    for (const { labels = {}, value } of family) out.sample(name, labelText(labels), value);
  }
}
