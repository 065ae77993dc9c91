// What a lambda's code does while it is imported in a zygote of its own, which is then in its hands: it costs that zygote, and nobody anything else.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { needsRoot, startWorker, type Worker } from '../worker.ts';

/** Slow enough to be given a zygote; `inZygote` is what it does there. */
const lambda = (inZygote: string): string => `import os, socket, sys, time
time.sleep(0.03)
if os.getuid() == 0:
${inZygote.replaceAll(/^/gm, '  ')}
def f(event): return time.sleep(event.get("s", 0)) or "fine"
`;
const config = { keep_warm_ms: 20, freeze_after_ms: 10, limits: { procs: 8, mem_mb: 64 } };
const gone = /^the zygote of this lambda alone is gone: (.*); sandboxes load the code themselves$/;

/** Two sandboxes at a time, so that the second is a cold start as well. */
async function burst(worker: Worker, name: string): Promise<void> {
  for (const { status, text } of await Promise.all([worker.call(name, { s: 0.2 }), worker.call(name, { s: 0.2 })]))
    assert.deepEqual([status, text], [200, '"fine"']);
}

/** Two calls that no instance waits for. */
async function cold(worker: Worker, name: string): Promise<readonly number[]> {
  while ((await worker.status<{ instances: number }>()).instances > 0);
  return (await Promise.all([worker.call(name, {}), worker.call(name, {})])).map(({ status }) => status);
}

async function whyGone(worker: Worker, name: string): Promise<string> {
  const { msg } = await worker.logged(({ lambda: of, msg: said }) => of === name && gone.test(said));
  return gone.exec(msg)?.[1] ?? '';
}

const endings: readonly (readonly [name: string, inZygote: string, reason: RegExp])[] = [
  ['hangs', 'while True: pass', /^it does not serve after \d+(\.\d+)? s$/],
  ['forks', 'while True:\n  if os.fork() == 0: time.sleep(1000)', /^it ended/],
  ['leaves-a-child', 'if os.fork() == 0: time.sleep(1000)', /^it ended/],
  ['eats', 'x = bytearray(1 << 30)', /^it ended/],
  ['exits', 'os._exit(7)', /^it ended/],
  ['kills-itself', 'os.kill(os.getpid(), 9)', /^it ended/],
  ['hangs-up', 'os.close(3)', /^it ended/],
  ['writes-junk', 'os.write(3, b"junk" * 100)\ntime.sleep(1000)', /^it ended before it served$/],
];

test('an import that goes wrong in the zygote costs the zygote: its lambda and others are served as before', needsRoot, async (t) => {
  const lambdas = Object.fromEntries([
    ...endings.map(([name, inZygote]) => [name, lambda(inZygote)]),
    ['other', 'def f(event): return "fine"\n'],
  ]);
  const worker = await startWorker(t, { lambdas, config });
  for (const [name, , reason] of endings) {
    await burst(worker, name);
    assert.match(await whyGone(worker, name), reason, name);
    await burst(worker, name);
    assert.equal((await worker.call('other', {})).text, '"fine"');
  }
});

/** They say that they serve, and are stopped until a fork is asked for. */
const liars: readonly (readonly [name: string, inZygote: string, reason: RegExp])[] = [
  ['is-mute', 'os.write(3, b"S")\ntime.sleep(1000)', /^it does not answer after 5 s$/],
  ['writes-junk', 'os.write(3, b"S")\nos.read(3, 65536)\nos.write(3, b"junk")\ntime.sleep(1000)', /^receive from zygote: Protocol error$/],
  [
    'answers-without-a-fork',
    'os.write(3, b"S")\nchannel = socket.socket(fileno=3)\nsocket.send_fds(channel, [bytes([2, 0, 0, 0, 0, 0, 0, 0])], [os.pidfd_open(os.getpid())])\ntime.sleep(1000)',
    /^(it answered a request that was not made|it answered with another process)$/,
  ],
];

test('a zygote that serves and then does not is given up: what it was asked for fails, what comes next is served', needsRoot, async (t) => {
  const lambdas = Object.fromEntries([
    ...liars.map(([name, inZygote]) => [name, lambda(inZygote)]),
    ['other', 'def f(event): return "fine"\n'],
  ]);
  const worker = await startWorker(t, { lambdas, config });
  for (const [name, , reason] of liars) {
    await burst(worker, name);
    for (let calls = 0; !worker.log.some((entry) => entry.lambda === name && gone.test(entry.msg)); calls++) {
      assert.ok(calls < 500);
      for (const status of await cold(worker, name)) assert.ok(status === 200 || status === 503);
    }
    assert.match(await whyGone(worker, name), reason, name);
    await burst(worker, name);
    assert.equal((await worker.call('other', {})).text, '"fine"');
  }
});

const orphans = `import ctypes, struct
libc = ctypes.CDLL(None)
for _ in range(5):
  if libc.syscall(435, ctypes.create_string_buffer(struct.pack("11Q", 0x8000, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)), 88) == 0: os._exit(0)
print("has made orphans", file=sys.stderr, flush=True)
os._exit(0)`;

test('children that it gives the worker are reaped when it is gone', needsRoot, async (t) => {
  const worker = await startWorker(t, { lambdas: { orphans: lambda(orphans) }, config });
  await burst(worker, 'orphans');
  await worker.logged(({ msg }) => msg === 'has made orphans');
  await whyGone(worker, 'orphans');
  const dead = (): string[] =>
    readFileSync(`/proc/${worker.pid}/task/${worker.pid}/children`, 'utf8')
      .trim()
      .split(' ')
      .filter((pid) => /^State:\tZ/m.test(statusOf(pid)));
  for (let looks = 0; dead().length > 0; looks++) {
    assert.ok(looks < 1000, `${dead()} are still there`);
    await worker.status();
  }
  assert.equal(await worker.stop(), 0);
});

function statusOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/status`, 'utf8');
  } catch {
    return ''; // it was reaped just now
  }
}

const attempts = `import ctypes, errno, resource, struct
libc = ctypes.CDLL(None, use_errno=True)
def attempt(what, result): print("attempt", what, errno.errorcode.get(ctypes.get_errno()) if result != 0 else "DONE", file=sys.stderr, flush=True)
attempt("remount", libc.mount(None, b"/usr", None, 4096 | 32, None))
attempt("user namespace", libc.unshare(0x10000000))
arguments = ctypes.create_string_buffer(struct.pack("11Q", 0x10000000, 0, 0, 0, 17, 0, 0, 0, 0, 0, 0))
child = libc.syscall(435, arguments, 88)
if child == 0: os._exit(0)
attempt("user namespace by clone3", 0 if child > 0 else child)
attempt("host name", libc.sethostname(b"x", 1))
raw = socket.AF_INET, socket.SOCK_RAW, 1
attempt("raw socket", libc.socket(*raw))
attempt("signal to init", libc.kill(1, 0))
attempt("more memory", libc.setrlimit(9, struct.pack("2Q", 1 << 62, 1 << 62)) if resource.getrlimit(9)[1] != resource.RLIM_INFINITY else -1)
fork_socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET, 0, 3)
fork_socket.recv(65536)
fork_socket.send(b"S")
_, fds, _, _ = socket.recv_fds(fork_socket, 100, 8)
def listing(fd): return sorted(name for name in os.listdir(fd) if name.startswith(("sb-", "self", "z")))
for fd in fds:
  try: above = os.open("../..", os.O_RDONLY, dir_fd=fd)
  except OSError: continue
  print("above a descriptor", os.path.samestat(os.fstat(above), os.fstat(fd)), listing(above), file=sys.stderr, flush=True)
os._exit(0)`;

test(
  'code that has a zygote to itself has no power over the host, and is handed nothing that leads to other lambdas',
  needsRoot,
  async (t) => {
    const worker = await startWorker(t, { lambdas: { tries: lambda(attempts) }, config });
    await burst(worker, 'tries');
    for (let rounds = 0; !worker.log.some(({ msg }) => gone.test(msg)); rounds++) {
      assert.ok(rounds < 500);
      await cold(worker, 'tries');
    }
    const said = (start: string): string[] =>
      worker.log.filter(({ msg }) => msg.startsWith(start)).map(({ msg }) => msg.slice(start.length));
    assert.deepEqual(said('attempt '), [
      'remount EPERM',
      'user namespace EPERM',
      'user namespace by clone3 ENOSPC',
      'host name EPERM',
      'raw socket EPERM',
      'signal to init EPERM',
      'more memory EPERM',
    ]);
    const above = said('above a descriptor ');
    assert.deepEqual(
      above,
      above.map(() => 'True []'),
    );
    assert.equal(above.length, 2, 'the cgroup and the scratch are directories');
  },
);
