import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Data, data, type Sources } from '../../../src/observe/dashboard/data.ts';
import { Minute } from '../../../src/observe/dashboard/minute.ts';
import { Samples } from '../../../src/observe/dashboard/samples.ts';
import type { Lambdas, LambdaView } from '../../../src/observe/dashboard/views.ts';
import { Recorder } from '../../../src/observe/recorder.ts';
import { finished, type Given } from './finished.ts';

const those = (...views: readonly LambdaView[]): Lambdas => ({
  names: () => views.map(({ name }) => name),
  details: (named) => views.filter(({ name }) => name === named),
});

/** A worker whose clock and counts are the test's. */
function worker(given: Partial<Sources> = {}) {
  const recorder = new Recorder({ traced: 1000 });
  const [minute, samples] = [new Minute(), new Samples()];
  return {
    recorder,
    record: (...requests: Given[]) => {
      for (const request of requests) recorder.record(finished(request));
    },
    look: (now: number, asked: Parameters<typeof data>[0] = { since: 0 }): Data =>
      data(asked, {
        now,
        recorder,
        minute,
        samples,
        failed: [],
        state: 'ready',
        totals: { busy: 0, idle: 0, frozen: 0, inFlight: 0, queued: 0, room: { takenBytes: 0, mostBytes: 0, waiting: 0, evictions: 0 } },
        lambdas: those(),
        backend: {},
        ...given,
      }),
  };
}

const took = (ms: number): Pick<Given, 'phases'> => ({ phases: [['handler', ms]] });
const near = (actual: number | undefined, expected: number): void =>
  assert.ok(Math.abs((actual ?? Number.NaN) - expected) <= expected * 0.06, `${actual} is about ${expected}`);

test('percentiles by start class; classes without requests are left out', () => {
  const { record, look } = worker();
  for (let i = 1; i <= 100; i++) record(took(i));
  record({ start: undefined, ...took(7) });
  const { all } = look(1000).latency;
  assert.deepEqual(Object.keys(all), ['warm', 'none']);
  assert.equal(all.warm?.count, 100);
  near(all.warm?.p50, 50);
  near(all.warm?.p90, 90);
  near(all.warm?.p99, 99);
  assert.ok(Math.abs((all.warm?.max ?? 0) - 100) < 1e-6);
});

test('the last minute has what came since a minute ago, when somebody looked on', () => {
  const { record, look } = worker();
  const hour = 3_600_000;
  record(took(500));
  look(hour);
  for (let at = 0; at < 120_000; at += 1000) {
    record(took(at < 60_000 ? 10 : 20));
    look(hour + at);
  }
  const { minute, minuteMs, all } = look(hour + 120_000).latency;
  assert.ok(minuteMs >= 57_500 && minuteMs <= 62_500, `${minuteMs} ms`);
  assert.ok((minute.warm?.count ?? 0) >= 57 && (minute.warm?.count ?? 0) <= 63, `${minute.warm?.count} requests`);
  near(minute.warm?.p50, 20);
  near(minute.warm?.max, 20);
  near(all.warm?.max, 500);
});

test('of the first minute it has all, whoever looked', () => {
  const { record, look } = worker();
  record(took(3), took(3));
  const { minute, minuteMs } = look(40_000).latency;
  assert.deepEqual([minuteMs, minute.warm?.count], [40_000, 2]);
});

test('who looks again after long has a minute that begins anew', () => {
  const { record, look } = worker();
  look(100_000);
  record({});
  const { minute, minuteMs } = look(900_000).latency;
  assert.deepEqual([minuteMs, minute], [0, {}]);
});

test('samples: one a second however many look, those of five minutes, those that are new', () => {
  const { record, look } = worker();
  for (let at = 0; at <= 400_000; at += 500) {
    record(at % 1000 === 0 ? { errorCode: 'queue-full' } : {});
    look(at);
  }
  const { samples } = look(400_001);
  assert.equal(samples.length, 301);
  assert.deepEqual([samples[0]?.at, samples.at(-1)?.at], [100_000, 400_000]);
  const [before, last] = samples.slice(-2);
  assert.deepEqual([(last?.requests ?? 0) - (before?.requests ?? 0), (last?.errors ?? 0) - (before?.errors ?? 0)], [2, 1]);
  assert.deepEqual(
    look(400_002, { since: 398_000 }).samples.map(({ at }) => at),
    [399_000, 400_000],
  );
});

test('requests: the latest fifty of those that are meant and new', () => {
  const { record, look } = worker();
  for (let i = 0; i < 200; i++)
    record({ requestId: `r${i}`, began: i * 10, lambda: i % 2 ? 'odd' : 'even', start: i % 4 ? 'warm' : 'forked', ...took(i % 10) });
  const ids = (asked: Omit<Parameters<typeof data>[0], 'since'> & { since?: number }) =>
    look(5000, { since: 0, ...asked }).requests.map(({ id }) => id);
  assert.deepEqual([ids({}).length, ids({})[0], ids({}).at(-1)], [50, 'r150', 'r199']);
  assert.deepEqual(ids({ since: 1970 }), ['r197', 'r198', 'r199']);
  assert.ok(ids({ lambda: 'odd' }).every((id) => Number(id.slice(1)) % 2 === 1) && ids({ lambda: 'odd' }).length === 50);
  assert.equal(ids({ start: 'forked' }).at(-1), 'r196');
  assert.equal(ids({ lambda: 'odd', start: 'forked' }).length, 0);
  assert.equal(ids({ minMs: 9 }).length, 20);
  assert.deepEqual(ids({ since: 99_999 }), []);
});

test('sandboxes by state, those of lambdas and those of none', () => {
  const { look } = worker({
    totals: { busy: 2, idle: 1, frozen: 1, inFlight: 3, queued: 1, room: { takenBytes: 0, mostBytes: 0, waiting: 0, evictions: 0 } },
    backend: {
      runtimes: {
        python: { zygote: 'serving', standbys: 2, starting: 1, slots: { ready: 8, coming: 1 } },
        node: { zygote: 'starting', standbys: 1 },
      },
      lambdaZygotes: 3,
      limitsNotEnforced: ['cpu'],
    },
  });
  const { sandboxes: states, zygotes, lambdaZygotes, limitsNotEnforced } = look(1);
  assert.deepEqual(states, { busy: 2, idle: 1, frozen: 1, standby: 3, starting: 1 });
  assert.deepEqual(zygotes, [
    { runtime: 'python', state: 'serving', standbys: 2, starting: 1, slots: { ready: 8, coming: 1 } },
    { runtime: 'node', state: 'starting', standbys: 1, starting: undefined, slots: undefined },
  ]);
  assert.deepEqual([lambdaZygotes, limitsNotEnforced], [3, ['cpu']]);
});

test('memory: what sandboxes take of what they may, the worker, who was evicted and who waits', () => {
  const room = { takenBytes: 3 << 20, mostBytes: 9 << 20, waiting: 2, evictions: 7 };
  const { memory, evictions, waitingForMemory } = worker({ totals: { busy: 0, idle: 0, frozen: 0, inFlight: 0, queued: 0, room } }).look(1);
  const { residentBytes, ...ofSandboxes } = memory;
  assert.deepEqual([ofSandboxes, evictions, waitingForMemory], [{ takenBytes: 3 << 20, mostBytes: 9 << 20 }, 7, 2]);
  assert.ok(residentBytes > 1 << 20 && residentBytes <= process.resourceUsage().maxRSS * 1024, `${residentBytes}`);
});

test('a backend that tells other things, or none, is no obstacle', () => {
  for (const backend of [
    {},
    { runtimes: 3 },
    { runtimes: { docker: null } },
    { runtimes: { x: { zygote: {}, standbys: 'two', slots: 7 } }, limitsNotEnforced: 'all' },
  ])
    assert.doesNotThrow(() => worker({ backend }).look(1));
});

test('lambdas: those that were called, and those that are only known', () => {
  const known = { busy: 0, idle: 1, frozen: 0, queued: 0, problem: undefined };
  const { record, look } = worker({
    lambdas: those({ ...known, name: 'echo', queued: 4 }, { ...known, name: 'waiting', problem: 'it has no f.py' }),
  });
  record({}, { status: 404 }, { status: 500, errorCode: 'handler-raised' }, took(30));
  const { total, rows } = look(1).lambdas;
  assert.equal(total, 2);
  assert.deepEqual(
    rows.map(({ name, requests, failed, idle, queued, problem }) => ({ name, requests, failed, idle, queued, problem })),
    [
      { name: 'echo', requests: 4, failed: 2, idle: 1, queued: 4, problem: undefined },
      { name: 'waiting', requests: 0, failed: 0, idle: 1, queued: 0, problem: 'it has no f.py' },
    ],
  );
  assert.ok(Math.abs((rows[0]?.max ?? 0) - 30) < 1e-6);
});

test('of many lambdas those are shown that have the most requests, and those that fail most', () => {
  const { record, look } = worker();
  for (let i = 0; i < 300; i++) record({ lambda: `l${i}`, status: i === 250 ? 500 : 200 });
  for (let i = 0; i < 30; i++) record({ lambda: `l${i * 2}` });
  for (let i = 0; i < 20; i++) record({ lambda: `l${i * 2 + 1}`, status: 404 });
  const { total, rows } = look(1).lambdas;
  const names = rows.map(({ name }) => Number(name.slice(1)));
  assert.equal(total, 300);
  const failing = [...Array.from({ length: 20 }, (_, i) => i * 2 + 1), 250];
  assert.ok(failing.every((i) => names.includes(i)));
  assert.deepEqual([rows.length, new Set(names).size], [51, 51]);
  assert.deepEqual(
    rows.filter(({ requests }) => requests === 1).map(({ name }) => name),
    ['l250'],
  );
});

test('of many lambdas that were called as often, those called last', () => {
  const { record, look } = worker();
  for (let i = 0; i < 300; i++) record({ lambda: `l${i}` });
  record({ lambda: 'l7' });
  const { total, rows } = look(1).lambdas;
  assert.deepEqual([total, rows.length, rows[0]?.name, rows.at(-1)?.name], [300, 50, 'l7', 'l251']);
});

test('10,000 lambdas make no more of an answer than 50 do, and only those that are shown are asked about', () => {
  const asked: string[] = [];
  const names = Array.from({ length: 10_000 }, (_, i) => `l${i}`);
  const view = { busy: 0, idle: 0, frozen: 0, queued: 0, problem: undefined };
  const { record, look } = worker({
    lambdas: {
      names: () => names,
      details: (name) => {
        asked.push(name);
        return [{ ...view, name }];
      },
    },
  });
  for (const lambda of names) record({ lambda });
  assert.deepEqual([look(1).lambdas.total, asked.length], [10_000, 50]);
});
