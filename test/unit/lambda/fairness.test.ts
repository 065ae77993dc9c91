import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mayPass, sliceMs, turn, type Waiter, yields } from '../../../src/lambda/fairness.ts';
import { fakeClock } from './clock.ts';
import { call, code, fakeBackend, lambda, room } from './fakes.ts';

const waiter = (held: number, bytes = 1, sake: Waiter['sake'] = 'call'): Waiter => ({ held, bytes, sake });
const old = sliceMs;

const turns: readonly (readonly [means: string, line: readonly Waiter[], first: number])[] = [
  ['nobody', [], -1],
  ['who came first, of those who hold as much', [waiter(1), waiter(1)], 0],
  ['who holds least', [waiter(2), waiter(1), waiter(3)], 1],
  ['who has a call, before who is to have one in reserve', [waiter(0, 1, 'minimum'), waiter(5)], 1],
  ['who wants much, when it is his turn', [waiter(0, 100), waiter(0, 1)], 0],
];
for (const [means, line, first] of turns) test(`it is the turn of ${means}`, () => assert.equal(turn(line), line[first]));

const yieldings: readonly (readonly [means: string, held: number, ageMs: number, to: Waiter, expected: boolean])[] = [
  ['to one that has nothing', 8, old, waiter(0), true],
  ['its last instance, too', 1, old, waiter(0), true],
  ['to one that has nothing and wants much, until it has room', 2, old, waiter(0, 10), true],
  ['to one that has less', 5, old, waiter(3), true],
  ['not to one that would have more then', 5, old, waiter(4), false],
  ['not to one that has as much', 4, old, waiter(4), false],
  ['not right after its start', 8, old - 1, waiter(0), false],
  ['not for a reserve', 8, old, waiter(0, 1, 'minimum'), false],
];
for (const [means, held, ageMs, to, expected] of yieldings) {
  test(`an instance is given up ${means}`, () => assert.equal(yields({ held, bytes: 1, ageMs }, to), expected));
}

test('giving up ends where all that want more have the same', () => {
  let [a, b] = [8, 0];
  while (yields({ held: a, bytes: 1, ageMs: old }, waiter(b))) [a, b] = [a - 1, b + 1];
  assert.deepEqual([a, b], [4, 4]);
  assert.equal(yields({ held: b, bytes: 1, ageMs: old }, waiter(a)), false, 'nor back');
});

test('a newcomer passes only who holds more than it', () => {
  assert.deepEqual([mayPass(waiter(0), waiter(1)), mayPass(waiter(1), waiter(1)), mayPass(waiter(1), undefined)], [true, false, true]);
});

test('among a thousand queued calls of one lambda the single call of another is next', (t) => {
  const clock = fakeClock(t);
  const backend = fakeBackend();
  const shared = room(2);
  const flood = lambda(t, backend, { room: shared, maxQueue: 1000, maxInstances: 64 });
  const light = lambda(t, backend, { room: shared, resolve: () => code('light') });
  const calls = Array.from({ length: 1002 }, () => call());
  for (const c of calls) flood.lambda.invoke(c);
  assert.deepEqual([backend.sandboxes.length, flood.lambda.counts.queued], [2, 1000]);
  const single = call();
  light.lambda.invoke(single);
  clock.forward(sliceMs);
  backend.sandboxes[0]?.answer();
  const own = backend.sandboxes.find(({ spec }) => spec.code.digest === 'light');
  own?.answer();
  assert.equal(single.outcome, 'forked');
  // When nobody else waits, the flood has all of it again.
  assert.equal(own?.isClosed, true);
  assert.equal(backend.sandboxes.filter(({ spec, isClosed }) => spec.code.digest === 'one' && !isClosed).length, 2);
  const open = () => backend.sandboxes.filter(({ isClosed }) => !isClosed);
  for (let answers = 0; calls.some(({ outcome }) => outcome === undefined); answers++) {
    assert.ok(answers < 2000);
    for (const sandbox of open()) sandbox.answer();
  }
  assert.ok(calls.every(({ outcome }) => outcome === 'forked' || outcome === 'warm'));
});

test('two floods come to have the same, and neither loses a call', (t) => {
  const clock = fakeClock(t);
  const backend = fakeBackend();
  const shared = room(8);
  const [a, b] = ['a', 'b'].map((name) =>
    lambda(t, backend, { room: shared, maxQueue: 1000, maxInstances: 64, resolve: () => code(name) }),
  ) as [ReturnType<typeof lambda>, ReturnType<typeof lambda>];
  const calls = { a: Array.from({ length: 300 }, () => call()), b: Array.from({ length: 300 }, () => call()) };
  for (const c of calls.a) a.lambda.invoke(c);
  for (const c of calls.b) b.lambda.invoke(c);
  const open = () => backend.sandboxes.filter(({ isClosed }) => !isClosed);
  for (let round = 0; round < 6; round++) {
    clock.forward(sliceMs);
    for (const sandbox of open()) sandbox.answer();
  }
  assert.deepEqual([a.lambda.counts.instances, b.lambda.counts.instances], [4, 4]);
  for (let round = 0; [...calls.a, ...calls.b].some(({ outcome }) => outcome === undefined); round++) {
    assert.ok(round < 1000);
    clock.forward(sliceMs);
    for (const sandbox of open()) sandbox.answer();
  }
});
