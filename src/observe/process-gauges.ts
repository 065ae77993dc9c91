// What the worker's process uses, as gauges for /metrics. Names as Prometheus' own clients have them.
import { readdirSync } from 'node:fs';
import { type IntervalHistogram, monitorEventLoopDelay, PerformanceObserver } from 'node:perf_hooks';
import type { Gauge } from './prometheus.ts';

const resolutionMs = 20;
/** How far back the delays of the event loop go: they are forgotten when they are read and this old. */
const windowMs = 60_000;

/** Owns a timer that measures the event loop, and an observer of garbage collections, until closed. */
export class ProcessGauges {
  readonly #delay: IntervalHistogram = monitorEventLoopDelay({ resolution: resolutionMs });
  readonly #observer: PerformanceObserver;
  readonly #collections = { count: 0, seconds: 0 };
  #since = performance.now();

  constructor() {
    this.#delay.enable();
    this.#observer = new PerformanceObserver((list) => {
      for (const { duration } of list.getEntries()) {
        this.#collections.count++;
        this.#collections.seconds += duration / 1000;
      }
    });
    this.#observer.observe({ entryTypes: ['gc'] });
  }

  gauges(): readonly Gauge[] {
    const { user, system } = process.cpuUsage();
    const { rss, heapUsed, heapTotal, external } = process.memoryUsage();
    const { count, seconds } = this.#collections;
    return [
      { name: 'process_cpu_seconds_total', help: 'Processor time of the worker.', type: 'counter', value: (user + system) / 1e6 },
      { name: 'process_resident_memory_bytes', help: 'Resident memory of the worker.', value: rss },
      { name: 'process_start_time_seconds', help: 'When the worker started, in seconds since 1970.', value: performance.timeOrigin / 1000 },
      { name: 'process_uptime_seconds', help: 'Since the worker started.', value: performance.now() / 1000 },
      { name: 'process_open_fds', help: 'Open file descriptors of the worker.', value: openDescriptors() },
      { name: 'nodejs_heap_used_bytes', help: 'JavaScript heap in use.', value: heapUsed },
      { name: 'nodejs_heap_total_bytes', help: 'JavaScript heap.', value: heapTotal },
      { name: 'nodejs_external_memory_bytes', help: 'Memory of objects outside the JavaScript heap.', value: external },
      { name: 'nodejs_gc_total', help: 'Garbage collections.', type: 'counter', value: count },
      { name: 'nodejs_gc_seconds_total', help: 'Time in garbage collections.', type: 'counter', value: seconds },
      ...this.#delays(),
    ];
  }

  close(): void {
    this.#delay.disable();
    this.#observer.disconnect();
  }

  // The histogram has the time from one tick of its timer to the next.
  #delays(): readonly Gauge[] {
    const seconds = (ns: number): number => Math.max(0, ns / 1e6 - resolutionMs) / 1000;
    const [name, help] = [
      'nodejs_eventloop_delay_seconds',
      'How late the event loop came to a timer, in the last minute or since the last reading.',
    ];
    const all = (['0.5', '0.99', '1'] as const).map((q): Gauge => {
      const value = this.#delay.count === 0 ? 0 : seconds(this.#delay.percentile(Number(q) * 100));
      return { name, help, labels: { quantile: q }, value };
    });
    if (performance.now() - this.#since > windowMs) {
      this.#delay.reset();
      this.#since = performance.now();
    }
    return all;
  }
}

function openDescriptors(): number {
  return readdirSync('/proc/self/fd').length - 1; // one is the reading's own
}
