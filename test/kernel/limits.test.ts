// The limits of a sandbox: by its cgroup where the controllers are, by rlimits as far as they reach elsewhere.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { counters, needsController, needsRoot, type Rig, rig } from './rig.ts';

const mib = 1 << 20;
const limits = { memoryBytes: 64 * mib, swapBytes: 0, processes: 12, cpuPercent: 100, tmpBytes: 16 << 20 };

const eat = 'def f(event):\n  kept = bytearray(event["mb"] << 20)\n  return len(kept)\n';
const threads = `import threading
def f(event):
  release, made = threading.Event(), []
  try:
    for _ in range(event["n"]):
      t = threading.Thread(target=release.wait)
      t.start()
      made.append(t)
  except RuntimeError:
    pass
  release.set()
  for t in made: t.join()
  return len(made)
`;
const children = `import os, subprocess
def f(event):
  made = []
  try:
    for _ in range(event["n"]): made.append(subprocess.Popen(["/bin/sleep", "1000"]))
  except OSError:
    pass
  for child in made: child.kill()
  for child in made: child.wait()
  return len(made)
`;
const burn = `import os, time
def f(event):
  if event:
    end = time.process_time() + event["seconds"]
    while time.process_time() < end: pass
  return os.getuid()
`;

function own({ cgroup }: Rig, uid: unknown): string {
  return join(cgroup, 'z0', `sb-${Number(uid) - 1000}`);
}

test('memory over the limit ends the sandbox, and is told as OOM', needsRoot, async (t) => {
  const made = await rig(t, { limits });
  if (!needsController(t, made, 'memory')) return;
  for (const cold of ['forked', 'spawned', 'standby'] as const) {
    if (cold === 'standby') await made.until('a standby', ({ standbys }) => standbys > 0);
    assert.equal(await made.once(made.code(eat), { mb: 8 }, cold), 8 * mib);
    if (cold === 'standby') await made.until('a standby', ({ standbys }) => standbys > 0);
    await assert.rejects(made.once(made.code(eat), { mb: 200 }, cold), { code: 'sandbox-oom' }, cold);
  }
});

test('an OOM is told as one only for the sandbox that had it, not for the next in its slot', needsRoot, async (t) => {
  const made = await rig(t, { limits, standbys: 0 });
  if (!needsController(t, made, 'memory')) return;
  for (let i = 0; i < 20; i++) await assert.rejects(made.once(made.code(eat), { mb: 200 }), { code: 'sandbox-oom' });
  for (let i = 0; i < 40; i++) {
    await assert.rejects(made.once(made.code('import os\ndef f(event): os._exit(9)'), {}), { code: 'sandbox-died' });
  }
});

test('an OOM in one sandbox leaves the others alone', needsRoot, async (t) => {
  const made = await rig(t, { limits });
  if (!needsController(t, made, 'memory')) return;
  const other = made.start(made.code(eat), { mb: 1 });
  await other.answer;
  await Promise.all(Array.from({ length: 4 }, () => assert.rejects(made.once(made.code(eat), { mb: 200 }))));
  assert.equal(await other.ask({ mb: 2 }), 2 * mib);
});

test('without a memory controller an allocation over the limit is a MemoryError', needsRoot, async (t) => {
  const made = await rig(t, { limits });
  if (!made.status().limitsNotEnforced.includes('memory')) return t.skip('there is a memory controller');
  await assert.rejects(made.once(made.code(eat), { mb: 200 }), ({ code, message }: { code: string; message: string }) => {
    return code === 'handler-raised' && message.includes('MemoryError');
  });
});

test('no more threads and processes than allowed, and the sandbox lives on', needsRoot, async (t) => {
  // Where RLIMIT_DATA stands in for the memory limit it counts the stacks of threads whole, 8 MiB each.
  const made = await rig(t, { limits: { ...limits, memoryBytes: 256 * mib } });
  for (const cold of ['forked', 'standby'] as const) {
    for (const source of [threads, children]) {
      if (cold === 'standby') await made.until('a standby', ({ standbys }) => standbys > 0);
      const { sandbox, answer, ask } = made.start(made.code(source), { n: 40 }, cold);
      assert.equal(await answer, 11, 'with the interpreter itself that makes 12');
      assert.equal(await ask({ n: 5 }), 5);
      await sandbox.close();
    }
  }
});

test('the process limit is counted by its cgroup', needsRoot, async (t) => {
  const made = await rig(t, { limits, standbys: 0 });
  if (!needsController(t, made, 'pids')) return;
  const { sandbox, answer } = made.start(made.code(`${threads}\nimport os\ng = f\ndef f(event):\n  g({"n": 40})\n  return os.getuid()\n`));
  const directory = own(made, await answer);
  assert.ok((counters(directory, 'pids.events').max ?? 0) > 0);
  await sandbox.close();
});

test('a sandbox gets no more of the processor than allowed', needsRoot, async (t) => {
  const made = await rig(t, { limits: { ...limits, cpuPercent: 20 }, standbys: 0 });
  if (!needsController(t, made, 'cpu')) return;
  const { sandbox, answer, ask } = made.start(made.code(burn));
  const directory = own(made, await answer);
  const before = counters(directory, 'cpu.stat');
  await ask({ seconds: 0.5 });
  const after = counters(directory, 'cpu.stat');
  const passed = (name: string): number => (after[name] ?? 0) - (before[name] ?? 0);
  assert.ok(passed('usage_usec') >= 500_000);
  assert.ok(passed('nr_throttled') > 5, JSON.stringify(after));
  // 20 ms in each period of 100 ms; a slice that was handed out before a throttle may be used after it.
  assert.ok(passed('usage_usec') <= (passed('nr_periods') + 2) * 20_000 * 1.5, JSON.stringify([before, after]));
  await sandbox.close();
});

test('two busy sandboxes of equal weight get equal shares', needsRoot, async (t) => {
  const made = await rig(t, { limits: { ...limits, cpuPercent: 50 }, standbys: 0 });
  if (!needsController(t, made, 'cpu')) return;
  const pair = [made.start(made.code(burn)), made.start(made.code(burn))];
  const directories = await Promise.all(pair.map(async ({ answer }) => own(made, await answer)));
  await Promise.all(pair.map(({ ask }) => ask({ seconds: 0.5 })));
  const [a = 0, b = 0] = directories.map((directory) => counters(directory, 'cpu.stat').usage_usec);
  assert.ok(Math.max(a, b) < 2 * Math.min(a, b), `${a} and ${b}`);
  await Promise.all(pair.map(({ sandbox }) => sandbox.close()));
});
