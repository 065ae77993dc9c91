import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { type TestContext, test } from 'node:test';
import { ProfileRefused, Profiler } from '../../../src/observe/profile.ts';

function profiler(t: TestContext, options: { limitMs?: number; onLimit?: () => void } = {}): Profiler {
  const made = new Profiler({ limitMs: 60_000, onLimit: () => assert.fail('the limit came'), ...options });
  t.after(() => made.close());
  return made;
}

const refused = (message: RegExp) => (error: unknown) => error instanceof ProfileRefused && message.test(error.message);

async function discard(stream: Readable): Promise<void> {
  stream.destroy();
  await once(stream, 'close');
}

/** Something for the profile to see. */
function recognisable(): number {
  let sum = 0;
  for (let i = 0; i < 20_000_000; i++) sum += Math.sqrt(i);
  return sum;
}

test('a CPU profile has what ran while it was made, as V8’s own format', async (t) => {
  const made = profiler(t);
  await made.startCpu();
  recognisable();
  const profile = JSON.parse(await text(await made.stopCpu())) as {
    nodes: { id: number; callFrame: { functionName: string } }[];
    samples: number[];
    timeDeltas: number[];
    startTime: number;
    endTime: number;
  };
  assert.ok(profile.nodes.some(({ callFrame }) => callFrame.functionName === 'recognisable'));
  assert.ok(profile.samples.length > 0);
  assert.equal(profile.samples.length, profile.timeDeltas.length);
  const ids = new Set(profile.nodes.map(({ id }) => id));
  assert.ok(profile.samples.every((id) => ids.has(id)));
  assert.ok(profile.endTime > profile.startTime);
});

test('a second one can be made when the first has been stopped', async (t) => {
  const made = profiler(t);
  for (let i = 0; i < 2; i++) {
    await made.startCpu();
    (await made.stopCpu()).destroy();
  }
});

test('a second start is refused, also while the first is under way', async (t) => {
  const made = profiler(t);
  const first = made.startCpu();
  await assert.rejects(made.startCpu(), refused(/start a CPU profile: a CPU profile is being made.*cpu-stop/));
  await first;
  await assert.rejects(made.startCpu(), refused(/start a CPU profile: a CPU profile is being made/));
});

test('a stop without a start is refused, and a second stop', async (t) => {
  const made = profiler(t);
  await assert.rejects(made.stopCpu(), refused(/stop the CPU profile: none was started.*cpu-start/));
  await made.startCpu();
  const first = made.stopCpu();
  await assert.rejects(made.stopCpu(), refused(/it is not running/));
  (await first).destroy();
  await assert.rejects(made.stopCpu(), refused(/the last one was stopped/));
});

test('a forgotten CPU profile is given up, told, and another can be started', async (t) => {
  const limit = new EventTarget();
  const made = profiler(t, { limitMs: 1, onLimit: () => limit.dispatchEvent(new Event('limit')) });
  const told = once(limit, 'limit');
  await made.startCpu();
  const held = setInterval(() => {}, 1000); // the limit itself keeps no process
  t.after(() => clearInterval(held));
  await told;
  await assert.rejects(made.stopCpu(), refused(/given up after 0\.001 s/));
  await made.startCpu();
});

test('a heap snapshot is a stream of V8’s own format', async (t) => {
  const { snapshot, strings } = JSON.parse(await text(profiler(t).heap())) as { snapshot: { node_count: number }; strings: string[] };
  assert.ok(snapshot.node_count > 1000);
  assert.ok(strings.includes('ProfileRefused'));
});

test('nothing else is started while a snapshot is read, and all is free when it was given up', async (t) => {
  const made = profiler(t);
  const snapshot = made.heap();
  assert.throws(() => made.heap(), refused(/take a heap snapshot: a heap snapshot is being read/));
  await assert.rejects(made.startCpu(), refused(/start a CPU profile: a heap snapshot is being read/));
  await discard(snapshot);
  await made.startCpu();
  assert.throws(() => made.heap(), refused(/take a heap snapshot: a CPU profile is being made/));
});
