// The death of a zygote, and two backends on one host.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { needsRoot, type Rig, rig } from './rig.ts';

const echo = 'def f(event): return event';
const uid = 'import os\ndef f(event): return os.getuid()';

function killZygote({ cgroup }: Rig, name: string): void {
  const pids = readFileSync(join(cgroup, name, 'self/cgroup.procs'), 'utf8')
    .trim()
    .split('\n')
    .map(Number);
  assert.equal(pids.length, 1);
  for (const pid of pids) process.kill(pid, 'SIGKILL');
}

test('when its zygote is killed, a sandbox lives on, and the next ones come from a new zygote', needsRoot, async (t) => {
  const made = await rig(t);
  const { code, logged, once, start, until } = made;
  const running = start(code(echo), {}, 'forked');
  await running.answer;
  for (const name of ['z0', 'z1', 'z2']) {
    const gone = logged(/the zygote is gone/);
    killZygote(made, name);
    await gone;
    assert.deepEqual(await running.ask({ after: name }), { after: name });
    assert.deepEqual(await once(code(echo), { next: name }), { next: name });
    await until('standbys of the new zygote', ({ zygote, standbys }) => zygote === 'serving' && standbys > 0);
    assert.deepEqual(await once(code(echo), {}, 'standby'), {});
  }
  running.sandbox.freeze();
  running.sandbox.thaw();
  assert.deepEqual(await running.ask({ still: 'here' }), { still: 'here' });
  await running.sandbox.close();
});

test('calls that come while there is no zygote wait for the next one', needsRoot, async (t) => {
  const made = await rig(t);
  const { code, logged, start } = made;
  const gone = logged(/the zygote is gone/);
  killZygote(made, 'z0');
  await gone;
  assert.throws(() => start(code(echo), {}, 'forked'), { code: 'force-start-unmet' });
  const waiting = Array.from({ length: 4 }, (_, i) => start(code(echo), { i }));
  assert.deepEqual(await Promise.all(waiting.map(({ answer }) => answer)), [{ i: 0 }, { i: 1 }, { i: 2 }, { i: 3 }]);
  assert.ok(waiting.every(({ sandbox }) => sandbox.start === 'spawned'));
});

test('calls on their way when the zygote is killed are answered or fail, and none hangs', needsRoot, async (t) => {
  const made = await rig(t);
  const running = Array.from({ length: 16 }, (_, i) => made.start(made.code(echo), { i }, 'forked'));
  killZygote(made, 'z0');
  const ends = await Promise.allSettled(running.map(({ answer }) => answer));
  for (const [i, end] of ends.entries()) {
    if (end.status === 'fulfilled') assert.deepEqual(end.value, { i });
    else assert.match((end.reason as { code: string }).code, /^(start-failed|sandbox-died)$/);
  }
  await Promise.all(running.map(({ sandbox }) => sandbox.close()));
  assert.deepEqual(await made.once(made.code(echo), { after: 'all' }), { after: 'all' });
});

test("what came of a lambda's own zygote lives on when that is killed: it is counted, and ends with the backend", needsRoot, async (t) => {
  const made = await rig(t, { lambdaZygotes: 1 });
  const heavy = made.code('import os, time\ntime.sleep(0.02)\nown = os.getuid() == 0\ndef f(event): return own');
  const first = [made.start(heavy), made.start(heavy)];
  await Promise.all(first.map(({ answer }) => answer));
  await Promise.all(first.map(({ sandbox }) => sandbox.close()));
  let running = made.start(heavy);
  for (let starts = 0; starts < 200 && (await running.answer) !== true; starts++) {
    await running.sandbox.close();
    running = made.start(heavy);
  }
  assert.equal(await running.answer, true, 'its own zygote serves');
  const { sandboxes, lambdaZygotes } = made.status();
  assert.deepEqual({ sandboxes, lambdaZygotes }, { sandboxes: 1, lambdaZygotes: 1 });
  killZygote(made, 'z1');
  await made.until('its end', (status) => status.lambdaZygotes === 0);
  assert.equal(await running.ask(), true);
  assert.equal(made.status().sandboxes, 1);
  assert.ok(made.backend.memory().has(running.sandbox.id));
  await made.close();
  await running.sandbox.closed;
});

test('two backends on one host share no uid and do not touch each other', needsRoot, async (t) => {
  const [a, b] = [await rig(t), await rig(t)];
  const uidMap = "def f(event): return open('/proc/self/uid_map').read().split()[1]";
  const [mapA, mapB] = await Promise.all([a.once(a.code(uidMap)), b.once(b.code(uidMap))]);
  assert.notEqual(mapA, mapB);
  const running = b.start(b.code(uid));
  await running.answer;
  const gone = a.logged(/the zygote is gone/);
  killZygote(a, 'z0');
  await gone;
  assert.equal(typeof (await running.ask()), 'number');
  await a.close();
  assert.equal(typeof (await running.ask()), 'number');
  assert.deepEqual(await b.once(b.code(echo), { b: 1 }), { b: 1 });
  assert.deepEqual(
    b.log.filter((line) => line.includes('gone')),
    [],
  );
});
