// How many instances there are, how they rest, and what they share.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { backends } from './backends.ts';
import { echo, slow, who } from './lambdas.ts';
import { needsRoot, startWorker, type Worker } from './worker.ts';

interface Counts {
  readonly instances: number;
  readonly idle: number;
  readonly standbys: number;
  readonly room: { readonly evictions: number };
}
interface Who {
  readonly name: string;
  readonly calls: number;
}

/** Sends a frame of its own when its reply is under way, or a moment later. */
const rude = `import os, struct, threading
frames = {"no frame": bytes(12), "reply to no request": struct.pack("<IBBHI", 40, 2, 6, 0, 9) + bytes(40)}
calls = 0
def f(event):
  global calls
  calls += 1
  if "frame" in event: threading.Timer(0.02, os.write, (3, frames[event["frame"]])).start()
  return calls
`;

/** The counts as soon as they are as wanted, at the latest at the 5,000th look. */
async function until(worker: Worker, wanted: (counts: Counts) => boolean): Promise<Counts> {
  let counts = await worker.status<Counts>();
  for (let looks = 1; looks < 5000 && !wanted(counts); looks++) counts = await worker.status<Counts>();
  assert.ok(wanted(counts), JSON.stringify(counts));
  return counts;
}

for (const { name: backend, needs, cold, start: startWorker } of backends) {
  test(`${backend}: eight calls at once of a slow function are answered by eight instances`, needs, async (t) => {
    const worker = await startWorker(t, { lambdas: { slow } });
    const answers = await Promise.all(Array.from({ length: 8 }, () => worker.call('slow', { s: 1 })));
    assert.ok(answers.every(({ status }) => status === 200));
    assert.equal(new Set(answers.map((answer) => answer.json<Who>().name)).size, 8);
    assert.equal((await worker.status<Counts>()).instances, 8);
  });

  test(`${backend}: the state of a module lives as long as its instance, and is its own`, needs, async (t) => {
    const worker = await startWorker(t, { lambdas: { who }, config: { freeze_after_ms: 600_000, keep_warm_ms: 600_000 } });
    const one = (await worker.call('who', {}, { start: cold })).json<Who>();
    const other = (await worker.call('who', {}, { start: cold })).json<Who>();
    assert.notEqual(one.name, other.name);
    assert.deepEqual([one.calls, other.calls], [1, 1]);
    const again = (await worker.call('who', {}, { start: 'warm' })).json<Who>();
    assert.ok(again.name === one.name || again.name === other.name);
    assert.equal(again.calls, 2);
  });

  test(`${backend}: where memory is short an idle instance makes room for another lambda`, needs, async (t) => {
    const worker = await startWorker(t, { lambdas: { a: who, b: who }, config: { mem_pool_mb: 50, limits: { mem_mb: 50 } } });
    for (let round = 1; round <= 3; round++) {
      for (const lambda of ['a', 'b']) assert.equal((await worker.call(lambda, {})).json<Who>().calls, 1);
    }
    const { instances, room } = await worker.status<Counts>();
    assert.deepEqual([instances, room.evictions], [1, 5]);
  });

  test(`${backend}: an idle instance that misbehaves is replaced: the next call is answered`, needs, async (t) => {
    const worker = await startWorker(t, { lambdas: { rude }, config: { limits: { runtime_sec: 10 }, freeze_after_ms: 600_000 } });
    for (const frame of ['no frame', 'reply to no request']) {
      assert.equal((await worker.call('rude', { frame })).status, 200);
      await until(worker, ({ instances }) => instances === 0);
      assert.equal((await worker.call('rude', {})).text, '1');
    }
  });

  test(`${backend}: a frozen instance is thawed by a call and has kept its state`, needs, async (t) => {
    const worker = await startWorker(t, { lambdas: { who }, config: { freeze_after_ms: 0 } });
    const { name } = (await worker.call('who', {})).json<Who>();
    for (let calls = 2; calls < 6; calls++) {
      // Frozen when the timer after the reply has fired: until then the class cannot be had, and that is no call.
      let answer = await worker.call('who', {}, { start: 'thawed' });
      for (let tries = 0; tries < 1000 && answer.status === 409; tries++) answer = await worker.call('who', {}, { start: 'thawed' });
      assert.deepEqual([answer.status, answer.headers['x-start-class']], [200, 'thawed']);
      assert.deepEqual(answer.json(), { name, calls });
    }
  });
}

test('there are never more than max_instances, and all calls are answered', needsRoot, async (t) => {
  const worker = await startWorker(t, { lambdas: { slow, echo }, config: { max_instances: 3 } });
  const calls = Array.from({ length: 12 }, () => worker.call('slow', { s: 0.05 }));
  const answers = await Promise.all(calls);
  assert.ok(answers.every(({ status }) => status === 200));
  assert.ok(new Set(answers.map((answer) => answer.json<Who>().name)).size <= 3);
  assert.ok((await worker.status<Counts>()).instances <= 3);
});

test('where memory is short a busy instance is never ended for another: the other call waits', needsRoot, async (t) => {
  const worker = await startWorker(t, { lambdas: { slow, who, echo }, config: { mem_pool_mb: 50, limits: { mem_mb: 50 } } });
  const order: string[] = [];
  const busy = worker.call('slow', { s: 0.5 }).then((answer) => order.push(`slow ${answer.status}`));
  await worker.logged(({ msg }) => msg === 'begun');
  const others = ['who', 'echo'].map((lambda) => worker.call(lambda, {}).then((answer) => order.push(`${lambda} ${answer.status}`)));
  await Promise.all([busy, ...others]);
  assert.equal(order[0], 'slow 200');
  assert.deepEqual(order.slice(1).sort(), ['echo 200', 'who 200']);
});

test('an idle instance ends after keep_warm_ms', needsRoot, async (t) => {
  const worker = await startWorker(t, { lambdas: { who }, config: { keep_warm_ms: 60, freeze_after_ms: 20 } });
  const { name } = (await worker.call('who', {})).json<Who>();
  await until(worker, ({ instances }) => instances === 0);
  assert.notEqual((await worker.call('who', {})).json<Who>().name, name);
});

test('X-Force-Start is 403 where the config switches it off', needsRoot, async (t) => {
  const worker = await startWorker(t, { lambdas: { who }, config: { force_start: false } });
  const answer = await worker.call('who', {}, { start: 'forked' });
  assert.deepEqual([answer.status, answer.json<{ error: { code: string } }>().error.code], [403, 'force-start-off']);
  assert.equal((await worker.call('who', {})).status, 200);
});

test('X-Force-Start gives the class that was asked for, or 409', needsRoot, async (t) => {
  const worker = await startWorker(t, { lambdas: { who }, config: { freeze_after_ms: 60_000, keep_warm_ms: 600_000, max_instances: 4 } });
  const ask = (start: 'warm' | 'thawed' | 'standby' | 'forked' | 'spawned') => worker.call('who', {}, { start });
  for (const start of ['warm', 'thawed'] as const) {
    const answer = await ask(start);
    assert.deepEqual([answer.status, answer.json<{ error: { code: string } }>().error.code], [409, 'force-start-unmet']);
  }
  await until(worker, ({ standbys }) => standbys > 0);
  for (const start of ['standby', 'forked', 'spawned', 'warm'] as const) {
    const answer = await ask(start);
    assert.deepEqual([answer.status, answer.headers['x-start-class']], [200, start]);
  }
  assert.equal((await ask('thawed')).status, 409);
  assert.equal((await ask('forked')).status, 200);
  assert.equal((await ask('forked')).status, 409, 'four instances are there');
  const unknown = await worker.call('who', {}, { headers: { 'x-force-start': 'tepid' } });
  assert.deepEqual([unknown.status, unknown.json<{ error: { code: string } }>().error.code], [400, 'force-start']);
});

const broken = `def f(event):
  yield "so far"
  raise RuntimeError()
`;

test('a lambda that is long at its first request, or breaks it off, keeps no standbys from others', needsRoot, async (t) => {
  const worker = await startWorker(t, { lambdas: { slow, broken, who }, config: { standbys: 1, max_standbys: 1, keep_warm_ms: 600_000 } });
  const busy = worker.call('slow', { s: 3 });
  await worker.logged(({ msg }) => msg === 'begun');
  for (let calls = 0; calls < 3; calls++) {
    await until(worker, ({ standbys }) => standbys > 0);
    assert.equal((await worker.call('who', {}, { start: 'standby' })).status, 200);
    await until(worker, ({ standbys }) => standbys > 0);
    await assert.rejects(worker.call('broken', {}, { start: 'standby' }));
  }
  assert.equal((await worker.status<Counts & { busy: number }>()).busy, 1, 'the slow one is at work still');
  assert.equal((await busy).status, 200);
});

// The seed of str hashes may be the same in all that are forked from one zygote: it is the interpreter's, made once.
const random = `import os, random, secrets, ssl, tempfile, uuid
def f(event):
  return {
    "random": random.random(), "urandom": os.urandom(16).hex(), "uuid1": str(uuid.uuid1()), "uuid4": str(uuid.uuid4()),
    "secrets": secrets.token_hex(16), "ssl": ssl.RAND_bytes(16).hex(), "tempfile": tempfile.mktemp(),
    "own": random.Random().random(), "system": random.SystemRandom().random(),
  }
`;

test('instances forked from the same zygote draw different random numbers', needsRoot, async (t) => {
  const worker = await startWorker(t, { lambdas: { random }, config: { standbys: 3, limits: { mem_mb: 200 } } });
  const starts = ['forked', 'forked', 'standby', 'standby', 'standby', 'forked'] as const;
  const drawn: Record<string, unknown>[] = [];
  for (const start of starts) {
    if (start === 'standby') await until(worker, ({ standbys }) => standbys > 0);
    drawn.push((await worker.call('random', {}, { start })).json<Record<string, unknown>>());
  }
  for (const source of Object.keys(drawn[0] ?? {})) {
    assert.equal(new Set(drawn.map((numbers) => numbers[source])).size, starts.length, source);
  }
});
