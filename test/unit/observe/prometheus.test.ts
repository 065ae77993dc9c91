import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { starts } from '../../../src/observe/finished.ts';
import { type Gauge, Metrics } from '../../../src/observe/prometheus.ts';
import { Recorder } from '../../../src/observe/recorder.ts';
import { finished } from './finished.ts';
import { readExposition, type Sample } from './strict-exposition.ts';

const show = (recorder: Recorder, gauges: readonly Gauge[] = []): string => new Metrics(recorder, () => gauges).text().toString();

function samples(text: string, family: string): readonly Sample[] {
  return readExposition(text).get(family)?.samples ?? assert.fail(`no family ${family}`);
}

test('requests are counted by lambda and status', () => {
  const recorder = new Recorder();
  for (const status of [200, 200, 500]) recorder.record(finished({ status }));
  recorder.record(finished({ lambda: undefined, start: undefined, status: 404, errorCode: 'path-unknown' }));
  const text = show(recorder);
  assert.match(text, /^sock_requests_total\{lambda="echo",status="200"\} 2$/m);
  assert.match(text, /^sock_requests_total\{lambda="echo",status="500"\} 1$/m);
  assert.match(text, /^sock_requests_total\{lambda="",status="404"\} 1$/m);
  assert.match(text, /^sock_errors_total\{code="path-unknown"\} 1$/m);
  assert.match(text, /^sock_request_bytes_total\{lambda="echo"\} 6$/m);
  assert.match(text, /^sock_reply_bytes_total\{lambda="echo"\} 9$/m);
});

test('a request is in each bucket whose end it does not pass, in seconds', () => {
  const recorder = new Recorder();
  for (const ms of [0.05, 0.3, 2, 2.001, 30_000]) recorder.record(finished({ phases: [['handler', ms]], began: 0 }));
  const duration = samples(show(recorder), 'sock_request_duration_seconds');
  assert.ok(duration.every(({ labels }) => labels.lambda === 'echo' && labels.start === 'warm'));
  assert.deepEqual(
    duration.flatMap(({ labels, value }) => (labels.le === undefined ? [] : [`${labels.le} ${value}`])),
    [
      '0.00005 1',
      '0.0001 1',
      '0.0002 1',
      '0.0005 2',
      '0.001 2',
      '0.002 3',
      '0.005 4',
      '0.01 4',
      '0.05 4',
      '0.2 4',
      '1 4',
      '5 4',
      '20 4',
      '+Inf 5',
    ],
  );
  assert.ok(Math.abs((duration.at(-2)?.value ?? 0) - 30.004351) < 1e-9);
  assert.equal(duration.at(-1)?.value, 5);
});

test('phases are summed by start class, not by lambda', () => {
  const recorder = new Recorder();
  for (const lambda of ['a', 'b']) recorder.record(finished({ lambda, start: 'forked', phases: [['fork', 250]] }));
  const text = show(recorder);
  assert.match(text, /^sock_phase_duration_seconds_sum\{phase="fork",start="forked"\} 0\.5$/m);
  assert.match(text, /^sock_phase_duration_seconds_count\{phase="fork",start="forked"\} 2$/m);
});

test('gauges of one name are one family, wherever they stand', () => {
  const text = show(new Recorder(), [
    { name: 'sock_queue_depth', help: 'Waiting.', labels: { lambda: 'a' }, value: 3 },
    { name: 'sock_evictions_total', help: 'Evicted.', type: 'counter', value: 7 },
    { name: 'sock_queue_depth', help: 'Waiting.', labels: { lambda: 'b' }, value: 0 },
  ]);
  assert.deepEqual(
    samples(text, 'sock_queue_depth').map(({ labels, value }) => [labels.lambda, value]),
    [
      ['a', 3],
      ['b', 0],
    ],
  );
  assert.equal(readExposition(text).get('sock_evictions_total')?.type, 'counter');
});

test('any label and any help come back as they were', () => {
  const text = fc.oneof(fc.string({ minLength: 1, unit: 'grapheme' }), fc.constantFrom('"', '\\', '\n', '\\n', 'a="b",c="d"} 1'));
  const visible = text.filter((given) => !/[\r\u2028\u2029]/.test(given));
  fc.assert(
    fc.property(visible, visible, fc.double({ noNaN: true }), (label, help, value) => {
      const family = readExposition(show(new Recorder(), [{ name: 'x', help, labels: { label }, value }])).get('x');
      assert.equal(family?.help, help);
      assert.deepEqual(family?.samples, [{ name: 'x', labels: { label }, value: Object.is(value, -0) ? 0 : value }]);
    }),
  );
});

test('whatever was recorded is well-formed, and no request is lost', () => {
  const request = fc.record({
    lambda: fc.constantFrom('a', 'b', 'c', undefined),
    start: fc.constantFrom(...starts, undefined),
    status: fc.integer({ min: 100, max: 599 }),
    errorCode: fc.constantFrom(undefined, 'lambda-unknown', 'no-room', 'time-limit'),
    phases: fc.array(fc.tuple(fc.constantFrom('queue', 'fork', 'handler'), fc.double({ min: 0, max: 1e6, noNaN: true }))),
  });
  fc.assert(
    fc.property(fc.array(request, { maxLength: 60 }), (requests) => {
      const recorder = new Recorder({ mostLambdas: 2 });
      for (const each of requests) recorder.record(finished(each));
      const families = readExposition(show(recorder));
      const total = (family: string, name = family): number =>
        families.get(family)?.samples.reduce((sum, sample) => sum + (sample.name === name ? sample.value : 0), 0) ?? 0;
      assert.equal(total('sock_requests_total'), requests.length);
      assert.equal(total('sock_request_duration_seconds', 'sock_request_duration_seconds_count'), requests.length);
    }),
  );
});

test('large counts are written in full', () => {
  const recorder = new Recorder();
  recorder.record(finished());
  const [series] = recorder.table.all();
  const histogram = series?.histogram(0) ?? assert.fail();
  for (const count of [9, 10, 99, 100, 12_345_678_901, Number.MAX_SAFE_INTEGER]) {
    histogram.counts.fill(0);
    histogram.counts[0] = count;
    histogram.count = count;
    assert.match(show(recorder), new RegExp(`_bucket\\{lambda="echo",start="warm",le="0.00005"\\} ${count}\n`));
  }
});

test('a text that outgrows the last one is whole', () => {
  const recorder = new Recorder();
  const shown = new Metrics(recorder, () => []);
  for (const lambdas of [1, 2000, 2001]) {
    for (let i = 0; i < lambdas; i++) recorder.record(finished({ lambda: `lambda-${i}` }));
    assert.equal(samples(shown.text().toString(), 'sock_request_duration_seconds').length, lambdas * 16);
  }
});
