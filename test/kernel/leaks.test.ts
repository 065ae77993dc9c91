// Thousands of starts and ends leave nothing: no process, descriptor, mount, namespace, cgroup, file, and no memory.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { needsRoot, type Rig, rig } from './rig.ts';

/** Fewer where REQUIRE_KERNEL tells of an emulated machine, in which a start takes a hundred times as long. */
const starts = process.env.REQUIRE_KERNEL === '1' ? 250 : 2000;
const rounds = 5;
const atOnce = 8;
/** What the heap and the allocator may have more of after the warm-up: 1,600 starts that lose 20 KiB each would be over it. */
const allowedBytes = 32 << 20;

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

const sources = {
  answers: 'def f(event): return event',
  raises: 'def f(event): raise ValueError("x")',
  exits: 'import os\ndef f(event): os._exit(1)',
  segfaults: 'import ctypes\ndef f(event): ctypes.string_at(0)',
  leaves: `import os, socket, subprocess
def f(event):
  open("/tmp/left", "w").write("x" * 10_000)
  s = socket.socket(); s.bind(("127.0.0.1", 0)); s.listen()
  c = socket.create_connection(s.getsockname())
  subprocess.Popen(["/bin/sleep", "1000"], start_new_session=True)
  return 1
`,
};

interface Found {
  readonly children: number;
  readonly zombies: number;
  readonly descriptors: Readonly<Record<string, number>>;
  readonly mounts: number;
  readonly cgroups: number;
  readonly files: number;
}

function look({ cgroup }: Rig, workerDir: string): Found {
  const children = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => stateOfChild(pid));
  return {
    children: children.length,
    zombies: children.filter((state) => state === 'Z').length,
    descriptors: descriptors(),
    mounts: readFileSync('/proc/self/mountinfo', 'utf8').split('\n').length,
    cgroups: readdirSync(cgroup, { recursive: true, withFileTypes: true }).filter((entry) => entry.isDirectory()).length,
    files: readdirSync(workerDir, { recursive: true }).length,
  };
}

// By kind: a namespace that only a descriptor keeps shows up as `net:`, `user:` …, a detached mount as `/`.
function descriptors(): Record<string, number> {
  const kinds: Record<string, number> = {};
  for (const fd of readdirSync('/proc/self/fd')) {
    const kind = kindOf(fd);
    if (kind !== undefined) kinds[kind] = (kinds[kind] ?? 0) + 1;
  }
  return kinds;
}

function kindOf(fd: string): string | undefined {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`).replace(/\d+/g, 'N');
  } catch {
    return undefined; // the one that was reading the directory
  }
}

function stateOfChild(pid: string): string[] {
  try {
    const [state = '', parent] = readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /s, '')
      .split(' ');
    return Number(parent) === process.pid ? [state] : [];
  } catch {
    return []; // it has ended meanwhile
  }
}

test(`${starts} starts and ends leave nothing behind`, needsRoot, async (t) => {
  const made = await rig(t, { standbys: 2 });
  const codes = Object.entries(sources).map(([name, source]) => ({ name, code: made.code(source) }));
  // Lives all the time: asking it is what passes the time until the others have settled.
  const pace = made.start(made.code(sources.answers));
  await pace.answer;
  const settled = async (): Promise<void> => {
    for (let asked = 0; asked < 10_000; asked++) {
      const { sandboxes, standbys, slots } = made.status();
      if (sandboxes === 1 && standbys === 2 && slots?.coming === 0 && slots.inUse === 3) return;
      await pace.ask();
    }
    throw new Error(`it does not settle: ${JSON.stringify(made.status())}`);
  };
  const one = async (n: number): Promise<void> => {
    const { name = '', code } = codes[n % codes.length] ?? {};
    assert.ok(code);
    const { sandbox, answer } = made.start(code, { n });
    if (n % 7 === 0) {
      await sandbox.close(); // long before it has answered
      await assert.rejects(answer);
    } else if (name === 'answers' || name === 'leaves') {
      await answer;
      if (n % 3 === 0) sandbox.freeze();
    } else {
      await assert.rejects(answer);
    }
    await sandbox.close();
  };
  const round = async (from: number, count: number): Promise<void> => {
    let next = from;
    const runner = async (): Promise<void> => {
      while (next < from + count) await one(next++);
    };
    await Promise.all(Array.from({ length: atOnce }, runner));
    await settled();
  };
  const memory = (): number => {
    collect();
    return process.memoryUsage.rss();
  };

  // Slots stay: there are more of them from here on than the rounds can use, however they meet.
  await Promise.all(Array.from({ length: 3 * atOnce }, () => made.once(made.code(sources.answers), {})));
  const each = starts / rounds;
  await round(0, each);
  const workerDir = join(dirname(made.code('').dir), '../worker');
  const [before, bytes] = [look(made, workerDir), memory()];
  assert.equal(before.zombies, 0);
  for (let i = 1; i < rounds; i++) {
    await round(i * each, each);
    assert.deepEqual(look(made, workerDir), before, `after ${(i + 1) * each} starts`);
  }
  const grown = memory() - bytes;
  assert.ok(grown < allowedBytes, `${grown} bytes more after ${starts - each} further starts`);
});

test('a backend that is closed has given back all descriptors, however often', needsRoot, async (t) => {
  const cycle = async (): Promise<void> => {
    const made = await rig(t);
    const sandboxes = [made.start(made.code(sources.answers)), made.start(made.code(sources.answers), {}, 'spawned')];
    await Promise.all(sandboxes.map(({ answer }) => answer));
    await made.close();
  };
  await cycle();
  await cycle();
  const before = descriptors();
  for (let i = 0; i < 5; i++) await cycle();
  assert.deepEqual(descriptors(), before);
});
