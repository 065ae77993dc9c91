// Ways in which a sandbox comes to be, rests and ends.
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, watch } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setImmediate as immediate } from 'node:timers/promises';
import type { ColdClass } from '../../src/sandbox/sandbox.ts';
import { counters, needsRoot, rig } from './rig.ts';

const echo = 'def f(event): return event';
const uid = 'import os\ndef f(event): return os.getuid()';
const spin = 'def f(event):\n  while event: pass';
const died = { code: 'sandbox-died' };

test('a sandbox of each class answers, and answers again', needsRoot, async (t) => {
  const { code, start, until } = await rig(t);
  await until('a standby', ({ standbys }) => standbys > 0);
  for (const cold of ['standby', 'forked', 'spawned'] satisfies ColdClass[]) {
    const { sandbox, answer, ask } = start(code(echo), { cold }, cold);
    assert.deepEqual([sandbox.start, await answer, await ask({ again: 1 })], [cold, { cold }, { again: 1 }]);
    await sandbox.close();
  }
});

test('without standbys, asking for one says so, and a call without a wish is forked', needsRoot, async (t) => {
  const { code, start } = await rig(t, { standbys: 0 });
  assert.throws(() => start(code(echo), {}, 'standby'), { code: 'force-start-unmet' });
  const { sandbox, answer } = start(code(echo));
  assert.deepEqual([sandbox.start, await answer], ['forked', {}]);
});

test('standbys that were used are made anew', needsRoot, async (t) => {
  const { code, once, until } = await rig(t, { standbys: 2 });
  for (let round = 0; round < 3; round++) {
    await until('two standbys', ({ standbys }) => standbys === 2);
    assert.deepEqual(await once(code(echo), { round }, 'standby'), { round });
  }
});

// How many follow from a burst is policy (refill.test.ts), and how much of one falls within its time a matter of the machine.
test('after a burst more standbys are kept, within what is allowed', needsRoot, async (t) => {
  const { code, start, status, until } = await rig(t, { standbys: { least: 1, most: 4 } });
  await until('the least', ({ standbys }) => standbys === 1);
  const running = Array.from({ length: 12 }, (_, n) => start(code(echo), { n }));
  await Promise.all(running.map(({ answer }) => answer));
  await until('more than the least', ({ standbys }) => standbys > 1);
  assert.ok(status().standbys <= 4);
  await Promise.all(running.map(({ sandbox }) => sandbox.close()));
});

test("a standby that has died meanwhile is passed over, and its end is nobody else's", needsRoot, async (t) => {
  const { cgroup, code, start, until } = await rig(t, { standbys: 2 });
  await until('two standbys', ({ standbys }) => standbys === 2);
  const waiting = inside(cgroup);
  assert.equal(waiting.length, 2);
  for (const pid of waiting) process.kill(pid, 'SIGKILL');
  // Dead, but the event loop has not been told yet.
  while (waiting.some((pid) => !/\) [ZX]/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))));
  const { sandbox, answer, ask, death } = start(code(echo), { first: 1 });
  assert.equal(sandbox.start, 'forked');
  let died = false;
  void death.then(() => (died = true));
  assert.deepEqual(await answer, { first: 1 });
  await until('new standbys', ({ standbys }) => standbys === 2);
  assert.deepEqual([await ask({ still: 1 }), died], [{ still: 1 }, false]);
});

test('many sandboxes at once have all an identity of their own', needsRoot, async (t) => {
  const { code, start } = await rig(t);
  const running = Array.from({ length: 24 }, () => start(code(uid)));
  const uids = await Promise.all(running.map(({ answer }) => answer));
  assert.equal(new Set(uids).size, 24);
});

test('a frozen sandbox does nothing, and goes on when it is thawed', needsRoot, async (t) => {
  const { cgroup, code, start } = await rig(t);
  const { sandbox, answer, ask } = start(code(uid));
  const own = join(cgroup, 'z0', `sb-${Number(await answer) - 1000}`);
  const frozen = async (wanted: number): Promise<void> => {
    const watcher = watch(join(own, 'cgroup.events'));
    try {
      while (counters(own, 'cgroup.events').frozen !== wanted) await new Promise((resolve) => watcher.once('change', resolve));
    } finally {
      watcher.close();
    }
  };
  for (let round = 0; round < 3; round++) {
    sandbox.freeze();
    await frozen(1);
    let answered = false;
    const asked = ask().then(() => (answered = true));
    await start(code(echo)).answer;
    assert.equal(answered, false);
    sandbox.thaw();
    await asked;
  }
});

test('a slot whose sandbox was closed while frozen serves the next one', needsRoot, async (t) => {
  const { code, start } = await rig(t, { standbys: 0 });
  const first = start(code(uid));
  const used = await first.answer;
  first.sandbox.freeze();
  await first.sandbox.close();
  // None is closed before the slot's turn has come, so that it does come.
  let again: unknown;
  for (let tries = 0; tries < 40 && again !== used; tries++) again = await start(code(uid)).answer;
  assert.equal(again, used);
});

test('a sandbox can be closed in every state, and more than once', needsRoot, async (t) => {
  const { code, start, status } = await rig(t);
  for (const cold of [undefined, 'forked', 'spawned'] satisfies (ColdClass | undefined)[]) {
    const unborn = start(code(echo), {}, cold);
    await Promise.all([unborn.sandbox.close(), unborn.sandbox.close()]);
    await assert.rejects(unborn.answer, died, `unborn, ${cold}`);

    const starting = start(code(spin), { for: 'ever' }, cold);
    await immediate();
    await starting.sandbox.close();
    await assert.rejects(starting.answer, died, `starting, ${cold}`);

    const busy = start(code(spin), {}, cold);
    await busy.answer;
    const spinning = busy.ask({ for: 'ever' });
    await busy.sandbox.close();
    await assert.rejects(spinning, died, `busy, ${cold}`);

    const frozen = start(code(echo), {}, cold);
    await frozen.answer;
    frozen.sandbox.freeze();
    await frozen.sandbox.close();

    const idle = start(code(echo), {}, cold);
    await idle.answer;
    await idle.sandbox.close();
    await idle.sandbox.close();
    await idle.sandbox.closed;
  }
  assert.equal(status().sandboxes, 0);
});

test('a sandbox that ends by itself says how, and closing it then is nothing', needsRoot, async (t) => {
  const { code, start } = await rig(t);
  for (const [source, detail] of [
    ['import os\ndef f(event): os._exit(7)', /exit code 7/],
    ['import sys\ndef f(event): sys.exit(3)', /exit code 3/],
    ['import os\ndef f(event): os.abort()', /signal SIG/],
    ['import ctypes\ndef f(event): ctypes.string_at(0)', /signal SIGSEGV/],
    ['import os\ndef f(event): os.close(3)', /./],
  ] as const) {
    const { sandbox, answer, death } = start(code(source));
    const told = answer.catch((error: unknown) => error as { code: string; detail: string });
    await death;
    const error = (await told) as { code: string; detail: string };
    assert.equal(error.code, 'sandbox-died', source);
    assert.match(error.detail, detail, source);
    await sandbox.close();
  }
});

test('closing the backend ends sandboxes in every state and leaves no cgroup', needsRoot, async (t) => {
  const { cgroup, close, code, start } = await rig(t);
  const [idle, frozen, busy] = [start(code(echo)), start(code(echo)), start(code(spin))];
  await Promise.all([idle.answer, frozen.answer, busy.answer]);
  frozen.sandbox.freeze();
  const spinning = busy.ask({ for: 'ever' });
  const unborn = start(code(echo), {}, 'spawned');
  const ends = [assert.rejects(spinning), assert.rejects(unborn.answer)];
  assert.equal(existsSync(cgroup), true);
  await close();
  await Promise.all(ends);
  assert.equal(existsSync(cgroup), false);
  assert.throws(() => start(code(echo)), { code: 'draining' });
});

test('what a sandbox writes comes as lines with the id of its request, up to its last word', needsRoot, async (t) => {
  const { code, start } = await rig(t);
  const source = `import os, sys, subprocess
def f(event):
  print('out')
  print('err', file=sys.stderr)
  os.write(1, b'by write\\n')
  subprocess.run(['/bin/sh', '-c', 'echo by child; echo to err >&2'])
  if event:
    os.write(2, b'last word')
    os._exit(1)
`;
  const { answer, ask, death, lines } = start(code(source));
  await answer;
  const expected = ['by child', 'by write', 'err', 'out', 'to err'];
  assert.deepEqual(lines.map(({ line }) => line).sort(), expected);
  const first = new Set(lines.map(({ requestId }) => requestId));
  assert.equal(first.size, 1);
  await assert.rejects(ask({ die: true }), died);
  await death;
  const rest = lines.slice(expected.length);
  assert.ok(
    rest.some(({ stream, line }) => stream === 'stderr' && line === 'last word'),
    JSON.stringify(rest),
  );
  assert.ok(rest.every(({ requestId }) => requestId !== undefined && !first.has(requestId)));
});

/** Pids in the slots of the first zygote. */
function inside(cgroup: string): number[] {
  const slots = readdirSync(join(cgroup, 'z0')).filter((name) => name.startsWith('sb-'));
  const pids = slots.flatMap((slot) => readFileSync(join(cgroup, 'z0', slot, 'cgroup.procs'), 'utf8').split('\n'));
  return pids.filter(Boolean).map(Number);
}
