import assert from 'node:assert/strict';
import { closeSync, openSync } from 'node:fs';
import { PerformanceObserver } from 'node:perf_hooks';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { ProcessGauges } from '../../../src/observe/process-gauges.ts';
import { Metrics } from '../../../src/observe/prometheus.ts';
import { Recorder } from '../../../src/observe/recorder.ts';
import { readExposition } from './strict-exposition.ts';

function value(gauges: ProcessGauges, name: string): number {
  return gauges.gauges().find((gauge) => gauge.name === name)?.value ?? assert.fail(`no ${name}`);
}

test('memory, processor time and uptime are the process’s', (t) => {
  const gauges = new ProcessGauges();
  t.after(() => gauges.close());
  const cpu = process.cpuUsage();
  assert.ok(value(gauges, 'process_cpu_seconds_total') >= (cpu.user + cpu.system) / 1e6);
  assert.ok(value(gauges, 'process_resident_memory_bytes') > value(gauges, 'nodejs_heap_used_bytes'));
  const up = value(gauges, 'process_uptime_seconds');
  assert.ok(up > 0 && up <= performance.now() / 1000);
  assert.ok(Math.abs(value(gauges, 'process_start_time_seconds') + up - Date.now() / 1000) < 5);
});

test('an open file is counted until it is closed', (t) => {
  const gauges = new ProcessGauges();
  t.after(() => gauges.close());
  const before = value(gauges, 'process_open_fds');
  const fd = openSync('/dev/null', 'r');
  assert.equal(value(gauges, 'process_open_fds'), before + 1);
  closeSync(fd);
  assert.equal(value(gauges, 'process_open_fds'), before);
});

test('garbage collections are counted', async (t) => {
  const gauges = new ProcessGauges();
  t.after(() => gauges.close());
  assert.equal(value(gauges, 'nodejs_gc_total'), 0);
  const told = new Promise<void>((resolve) => {
    const observer = new PerformanceObserver(() => resolve());
    observer.observe({ entryTypes: ['gc'] });
    t.after(() => observer.disconnect());
  });
  const awake = setInterval(() => {}, 1000); // what tells of collections keeps no event loop (Node 22)
  t.after(() => clearInterval(awake));
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
  await told;
  assert.ok(value(gauges, 'nodejs_gc_total') > 0);
  assert.ok(value(gauges, 'nodejs_gc_seconds_total') > 0);
});

test('a blocked event loop is seen as late', async (t) => {
  const gauges = new ProcessGauges();
  t.after(() => gauges.close());
  const late = (): number => gauges.gauges().find(({ labels }) => labels?.quantile === '1')?.value ?? 0;
  // The first tick only tells when the next one is due.
  for (const ms of [30, 200]) {
    const until = performance.now() + ms;
    while (performance.now() < until);
    for (let turn = 0; turn < 2; turn++) await new Promise(setImmediate);
  }
  assert.ok(late() > 0.1, `${late()} s`);
});

test('its gauges are well-formed', (t) => {
  const gauges = new ProcessGauges();
  t.after(() => gauges.close());
  const families = readExposition(new Metrics(new Recorder(), () => gauges.gauges()).text().toString());
  assert.equal(families.get('process_cpu_seconds_total')?.type, 'counter');
  assert.equal(families.get('nodejs_eventloop_delay_seconds')?.samples.length, 3);
});
