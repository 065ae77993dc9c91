// A slot is used again when its sandbox is gone, and nothing of the old one is in it.
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Sandbox } from '../../src/sandbox/sandbox.ts';
import { needsRoot, rig } from './rig.ts';

const soiling = `import ctypes, os, resource, signal, socket, subprocess, time
kept = []
def f(event):
  for directory in ("/tmp", "/host", "/dev/shm", "/var/tmp"):
    try:
      with open(directory + "/left", "w") as file: file.write("x" * 100_000)
      os.symlink("/etc/passwd", directory + "/link")
      os.mkfifo(directory + "/fifo")
    except OSError: pass
  listening = socket.socket()
  listening.bind(("127.0.0.1", 7777))
  listening.listen()
  client = socket.create_connection(("127.0.0.1", 7777))
  server = listening.accept()[0]
  server.close()
  client.close()
  abstract = socket.socket(socket.AF_UNIX)
  abstract.bind("\\0left")
  abstract.listen()
  kept.extend((listening, abstract))
  libc = ctypes.CDLL(None, use_errno=True)
  made = {"shm": libc.shmget(1234, 4096, 0o1777), "sem": libc.semget(1234, 1, 0o1777), "queue": libc.msgget(1234, 0o1777)}
  resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
  os.nice(5)
  subprocess.Popen(["/bin/sh", "-c", "trap '' TERM HUP INT; while :; do sleep 1000; done"], start_new_session=True)
  if event.get("die"): os.kill(os.getppid() or os.getpid(), signal.SIGKILL); os._exit(1)
  return [os.getuid(), made]
`;

const looking = `import ctypes, os, resource, socket
def f(event):
  libc = ctypes.CDLL(None, use_errno=True)
  abstract = socket.socket(socket.AF_UNIX)
  return [os.getuid(), {
    "files": [name for directory in ("/tmp", "/host", "/dev/shm", "/var/tmp") if os.path.isdir(directory) for name in os.listdir(directory)],
    "used": sum(os.statvfs(d).f_blocks - os.statvfs(d).f_bfree for d in ("/tmp",)),
    "tcp": open("/proc/net/tcp").read().count("\\n") - 1,
    "abstract": abstract.connect_ex("\\0left") == 0,
    "ipc": [libc.shmget(1234, 4096, 0) != -1, libc.semget(1234, 1, 0) != -1, libc.msgget(1234, 0) != -1],
    "nice": os.nice(0), "files_limit": resource.getrlimit(resource.RLIMIT_NOFILE)[0],
    "processes": [name for name in os.listdir("/proc") if name.isdigit()],
  }]
`;

interface Seen {
  readonly files: readonly string[];
  readonly tcp: number;
}

for (const cold of ['forked', 'standby'] as const) {
  test(`a ${cold} sandbox finds nothing of the one that had its slot before, however that one ended`, needsRoot, async (t) => {
    const { code, start, until } = await rig(t, { standbys: 1 });
    const look = async (): Promise<{ sandbox: Sandbox; uid: number; seen: Seen }> => {
      if (cold === 'standby') await until('a standby', ({ standbys }) => standbys > 0);
      const { sandbox, answer } = start(code(looking), {}, cold);
      const [uid, seen] = (await answer) as [number, Seen];
      return { sandbox, uid, seen };
    };
    const first = await look();
    const clean = first.seen;
    assert.deepEqual(clean.files, []);
    await first.sandbox.close();
    for (const end of ['closed', 'frozen', 'died'] as const) {
      const soiled = start(code(soiling), {}, cold === 'standby' ? undefined : cold);
      const [uid] = (await soiled.answer) as [number];
      if (end === 'frozen') soiled.sandbox.freeze();
      if (end === 'died') await assert.rejects(soiled.ask({ die: true }));
      await soiled.sandbox.close();
      // None is closed before the slot's turn has come, so that it does come.
      const looks = [await look()];
      while (looks.length < 40 && looks.at(-1)?.uid !== uid) looks.push(await look());
      assert.equal(looks.at(-1)?.uid, uid, 'the slot was not used again');
      for (const { sandbox, seen } of looks) {
        assert.deepEqual(seen, clean, end);
        await sandbox.close();
      }
    }
  });
}

test('a process that a lambda leaves behind ends with its sandbox', needsRoot, async (t) => {
  const { cgroup, code, start } = await rig(t, { standbys: 0 });
  const { sandbox, answer } = start(code(soiling), {}, 'forked');
  const [uid] = (await answer) as [number];
  const own = join(cgroup, 'z0', `sb-${uid - 1000}`);
  const pids = (): string[] => readFileSync(join(own, 'cgroup.procs'), 'utf8').split('\n').filter(Boolean);
  const running = pids();
  assert.ok(running.length >= 2, `${running}`);
  await sandbox.close();
  assert.deepEqual(pids(), []);
  assert.deepEqual(
    running.filter((pid) => existsSync(`/proc/${pid}`) && !/^\S+ \(.*\) [ZX]/s.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))),
    [],
  );
});
