import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { setImmediate as immediate } from 'node:timers/promises';
import { parseConfig } from '../../../src/config/load.ts';
import { WorkerError } from '../../../src/errors.ts';
import { Catalog } from '../../../src/lambda/catalog.ts';
import type { Resolved } from '../../../src/registry/registry.ts';
import { fakeClock } from './clock.ts';
import { call, code, type FakeBackend, type FakeCall, fakeBackend } from './fakes.ts';

type Resolve = (name: string, known: Resolved | undefined) => Resolved | Promise<Resolved>;

/** Closed when the test ends. */
function catalog(t: TestContext, resolve: Resolve, registryCacheMs = 5000): { catalog: Catalog; backend: FakeBackend; held: () => number } {
  const backend = fakeBackend();
  let held = 0;
  const made = new Catalog({
    backend,
    registry: { resolve },
    holder: { retain: () => held++, release: () => held-- },
    memoryBytes: 1 << 30,
    eviction: 'lru',
    defaults: parseConfig({ sandbox: 'sock' }),
    registryCacheMs,
    events: { onColdStart: () => {}, onEvict: () => {}, onWarmUpFailed: () => {}, onWarning: () => {} },
    onLine: () => {},
  });
  t.after(() => made.close());
  return { catalog: made, backend, held: () => held };
}

const of = (lambda: string): FakeCall => Object.assign(call(), { lambda });
const unknown = (): never => {
  throw new WorkerError('lambda-unknown');
};

/** Gives the test what a catalog does every so often. */
function tending(t: TestContext): () => void {
  const timers: (() => void)[] = [];
  t.mock.method(globalThis, 'setInterval', (then: () => void) => {
    timers.push(then);
    return { unref: () => ({}) };
  });
  t.mock.method(globalThis, 'clearInterval', () => {});
  return () => timers.forEach((then) => void then());
}

test('of ten thousand unknown names nothing is kept, whether that shows at once or later', async (t) => {
  for (const resolve of [unknown, async () => unknown()]) {
    const { catalog: all } = catalog(t, resolve);
    const calls = Array.from({ length: 10_000 }, (_, i) => of(`unknown-${i}`));
    for (const c of calls) all.invoke(c);
    await immediate();
    assert.ok(calls.every(({ outcome }) => outcome === 'lambda-unknown'));
    assert.deepEqual([all.status().lambdas, all.status().inFlight, all.details().length], [0, 0, 0]);
  }
});

test('a lambda that was deleted is forgotten with its code, when its last call has ended, and can come again', async (t) => {
  let there = true;
  const { catalog: all, backend, held } = catalog(t, () => (there ? code('one') : unknown()), 0);
  const [idle, running, late] = [of('l'), of('l'), of('l')];
  all.invoke(idle);
  all.invoke(running);
  backend.sandboxes[0]?.answer();
  there = false;
  all.invoke(late);
  assert.deepEqual([late.outcome, backend.sandboxes[0]?.isClosed, backend.sandboxes[1]?.isClosed], ['lambda-unknown', true, false]);
  backend.sandboxes[1]?.answer();
  assert.deepEqual([running.outcome, all.status().lambdas, held(), backend.forgotten], ['forked', 0, 0, ['one']]);
  there = true;
  const again = of('l');
  all.invoke(again);
  backend.sandboxes[2]?.answer();
  assert.deepEqual([again.outcome, all.status().lambdas], ['forked', 1]);
});

test('a lambda that is deleted and never called again is forgotten, too', async (t) => {
  const clock = fakeClock(t);
  const tend = tending(t);
  let there = true;
  const { catalog: all, backend, held } = catalog(t, () => (there ? code('one') : unknown()));
  for (let i = 0; i < 40; i++) all.invoke(of(`l${i}`));
  for (const sandbox of backend.sandboxes) sandbox.answer();
  there = false;
  clock.forward(120_000);
  assert.deepEqual([all.status().lambdas, all.status().instances], [40, 0]);
  for (let tick = 0; tick < 10; tick++) tend();
  await immediate();
  assert.deepEqual([all.status().lambdas, held()], [0, 0]);
});

test('status and details tell states, queues, settings and what was called', (t) => {
  const clock = fakeClock(t);
  const { catalog: all, backend } = catalog(t, (name) => code(name));
  const [a, b] = [of('a'), of('b')];
  all.invoke(a);
  backend.sandboxes[0]?.answer();
  clock.forward(1500);
  all.invoke(b);
  const { lambdas, instances, busy, idle, frozen, queued, calls, inFlight } = all.status();
  assert.deepEqual(
    { lambdas, instances, busy, idle, frozen, queued, calls, inFlight },
    {
      ...{ lambdas: 2, instances: 2, busy: 1, idle: 0, frozen: 1 },
      ...{ queued: 0, calls: 2, inFlight: 1 },
    },
  );
  const [frozenOne] = all.details('a');
  assert.deepEqual(
    frozenOne?.sandboxes.map(({ start, state, load, served, ageMs, digest }) => ({ start, state, load, served, ageMs, digest })),
    [{ start: 'forked', state: 'frozen', load: 0, served: 1, ageMs: 1500, digest: 'a' }],
  );
  assert.deepEqual([frozenOne.runs?.digest, frozenOne.runs?.concurrency, frozenOne.problem], ['a', 1, undefined]);
  assert.deepEqual([all.details().length, all.details('unheard-of')], [2, []]);
});

test('a worker that drains takes no call, and is through when the last one has its answer', async (t) => {
  const { catalog: all, backend } = catalog(t, () => code('one'));
  const running = of('l');
  all.invoke(running);
  const drained = all.drain(new AbortController().signal);
  const late = of('l');
  all.invoke(late);
  assert.equal(late.outcome, 'draining');
  backend.sandboxes[0]?.answer();
  await drained;
  assert.equal(running.outcome, 'forked');
});

test('a call that waited for code when the worker was closed starts nothing when the code comes', async (t) => {
  const coming: { resolve?: (code: Resolved) => void } = {};
  const { catalog: all, backend, held } = catalog(t, () => new Promise((resolve) => (coming.resolve = resolve)));
  const waits = of('l');
  all.invoke(waits);
  await all.close();
  coming.resolve?.(code('one'));
  await immediate();
  assert.deepEqual([waits.outcome, backend.sandboxes.length, held()], ['draining', 0, 0]);
});

test('a lambda that came again is not forgotten on account of the one that it was before', async (t) => {
  const tend = tending(t);
  const looks: { resolve(code: Resolved): void; reject(error: Error): void }[] = [];
  const { catalog: all, backend } = catalog(t, () => new Promise((resolve, reject) => looks.push({ resolve, reject })));
  const [gone, again] = [of('l'), of('l')];
  const answered = new Promise((resolve) => Object.assign(gone, { settle: resolve }));
  all.invoke(gone);
  tend(); // waits for the same look, and has not come to its end when the lambda comes again
  looks[0]?.reject(new WorkerError('lambda-unknown'));
  await answered;
  all.invoke(again);
  await immediate();
  looks[1]?.resolve(code('one'));
  await immediate();
  backend.sandboxes[0]?.answer();
  assert.deepEqual([looks.length, again.outcome, all.status().lambdas], [2, 'forked', 1]);
});

test('draining does not wait when the time for it is over already', async (t) => {
  const { catalog: all } = catalog(t, () => code('one'));
  const running = of('l');
  all.invoke(running);
  await all.drain(AbortSignal.abort());
  assert.equal(running.outcome, undefined);
});
