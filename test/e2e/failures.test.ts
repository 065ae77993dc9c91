// Lambdas that fail, die, or take too much; and that nobody else is touched by it.
import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { backends } from './backends.ts';
import { echo, slow, who } from './lambdas.ts';
import { suiteOwner, type Worker } from './worker.ts';

interface Failure {
  readonly error: { readonly code: string; readonly message: string; readonly requestId: string };
}

const raising = `calls = 0
def f(event):
  global calls
  calls += 1
  if event.get("raise"):
    inner(event["raise"])
  return calls
def inner(text):
  raise ValueError(text)
`;

const dying = `import ctypes, os, signal, sys, threading
def f(event):
  how = event["how"]
  if how == "exit": exit(3)
  if how == "sys.exit": sys.exit("words")
  if how == "_exit": os._exit(7)
  if how == "segfault": ctypes.string_at(0)
  if how == "abort": os.abort()
  if how == "close": os.closerange(0, 100); return 1
  if how == "exec": os.execv("/bin/true", ["true"])
  if how == "fork":
    if os.fork() == 0: os._exit(0)
    os.wait()
  return "alive"
`;

for (const { name, needs, patience, start: startWorker } of backends) {
  describe(`failing lambdas, ${name}`, needs, () => {
    const seconds = 2 * patience;
    const owner = suiteOwner();
    let worker: Worker;
    before(async () => {
      worker = await startWorker(owner, {
        config: {
          limits: { runtime_sec: seconds, mem_mb: 100, procs: 20 },
          registry_cache_ms: 0,
          freeze_after_ms: 600_000,
          keep_warm_ms: 600_000,
        },
        lambdas: {
          echo,
          raising,
          dying,
          who,
          slow,
          syntax: 'def f(event)\n  return 1\n',
          importing: 'import json\nimport no_such_module\ndef f(event):\n  return 1\n',
          nothing: 'x = 1\n',
          uncallable: 'f = 3\n',
          raises_at_load: 'raise RuntimeError("at load")\n',
          exits_at_load: 'import sys\nsys.exit(4)\n',
          keyboard: 'def f(event):\n  raise KeyboardInterrupt\n',
          unprintable: 'class E(Exception):\n  def __str__(self): raise ValueError\ndef f(event):\n  raise E()\n',
          spin: 'def f(event):\n  while event.get("spin"): pass\n  return "done"\n',
          memory: 'def f(event):\n  return len(bytearray(event["mb"] << 20))\n',
        },
      });
    });
    const failure = async (lambda: string, event: unknown = {}): Promise<{ status: number; code: string; message: string }> => {
      const answer = await worker.call(lambda, event);
      const { error } = answer.json<Failure>();
      assert.equal(error.requestId, answer.headers['x-request-id']);
      return { status: answer.status, code: error.code, message: error.message };
    };

    test('an exception is 500 with the traceback as its author knows it, and the instance goes on', async () => {
      assert.equal((await worker.call('raising', {})).text, '1');
      const { status, code, message } = await failure('raising', { raise: 'ünï' });
      assert.deepEqual([status, code], [500, 'handler-raised']);
      assert.match(message, /Traceback \(most recent call last\):\n {2}File "\/handler\/f\.py", line 6, in f\n/);
      assert.match(message, /in inner\n/);
      assert.match(message, /ValueError: ünï/);
      assert.doesNotMatch(message, /leaf\.py|channel\.py/);
      const next = await worker.call('raising', {});
      assert.deepEqual([next.text, next.headers['x-start-class']], ['3', 'warm']);
    });

    test('a traceback as text for those who ask for text', async () => {
      const answer = await worker.call('raising', { raise: 'x' }, { headers: { accept: 'text/plain' } });
      assert.match(`${answer.headers['content-type']}`, /^text\/plain/);
      assert.match(answer.text, /ValueError: x\n/);
    });

    test('what cannot be loaded says why, each time it is called', async () => {
      for (const [lambda, reason] of [
        ['syntax', /File "\/handler\/f\.py", line 1\n[\s\S]*SyntaxError/],
        ['importing', /ModuleNotFoundError: No module named 'no_such_module'/],
        ['nothing', /AttributeError: .*neither a function f\(event\) nor an application app/],
        ['uncallable', /AttributeError: .*the function 'f' is not callable/],
        ['raises_at_load', /RuntimeError: at load/],
      ] as const) {
        for (let i = 0; i < 2; i++) {
          const { status, code, message } = await failure(lambda);
          assert.deepEqual([status, code], [500, 'handler-raised'], lambda);
          assert.match(message, reason, lambda);
        }
      }
    });

    test('even odd exceptions are answers', async () => {
      assert.match((await failure('keyboard')).message, /KeyboardInterrupt/);
      assert.equal((await failure('unprintable')).status, 500);
    });

    test('no error tells a path, pid or cgroup of the host', async () => {
      const texts = await Promise.all(
        ['raising', 'syntax', 'importing', 'dying', 'exits_at_load', 'unknown'].map(
          async (lambda) => (await worker.call(lambda, { raise: 'x', how: 'segfault' })).text,
        ),
      );
      for (const text of texts) {
        for (const secret of [worker.dir, worker.workerDir, 'sock-worker-', 'cgroup', 'sb-', 'pidfd', 'docker'])
          assert.ok(!text.includes(secret), text);
      }
    });

    test('a sandbox that ends is 502 with how it ended, and the next call gets a new one', async () => {
      for (const [how, detail] of [
        ['exit', /exit code 3/],
        ['sys.exit', /exit code 1/],
        ['_exit', /exit code 7/],
        ['segfault', /signal SIGSEGV/],
        ['abort', /signal SIG/],
        ['close', /./],
        ['exec', /./],
      ] as const) {
        const { status, code, message } = await failure('dying', { how });
        assert.deepEqual([status, code], [502, 'sandbox-died'], how);
        assert.match(message, detail, how);
      }
      const { status, message } = await failure('exits_at_load');
      assert.equal(status, 502);
      assert.match(message, /exit code 4/);
      assert.equal((await worker.call('dying', { how: 'fork' })).text, '"alive"');
    });

    test('the death of a sandbox takes no other call with it', async () => {
      const others = Array.from({ length: 6 }, () => worker.call('slow', { s: 0.3 }));
      const deaths = Array.from({ length: 6 }, () => failure('dying', { how: 'segfault' }));
      for (const { status } of await Promise.all(deaths)) assert.equal(status, 502);
      for (const answer of await Promise.all(others)) assert.equal(answer.status, 200);
    });

    test('a call over its time is 504 and interrupted, and the next one is answered', async () => {
      const { status, code, message } = await failure('spin', { spin: true });
      assert.deepEqual([status, code], [504, 'time-limit']);
      assert.ok(message.includes(`${seconds} s`), message);
      assert.equal((await worker.call('spin', {})).text, '"done"');
    });

    test('memory over the limit ends that call only: MemoryError, or OOM by name', async () => {
      const { status, code, message } = await failure('memory', { mb: 1000 });
      const { limitsNotEnforced } = await worker.status<{ limitsNotEnforced: string[] }>();
      if (limitsNotEnforced.includes('memory')) {
        assert.deepEqual([status, code], [500, 'handler-raised']);
        assert.match(message, /MemoryError/);
      } else {
        assert.deepEqual([status, code], [502, 'sandbox-oom']);
        assert.match(message, /OOM/);
      }
      assert.equal((await worker.call('memory', { mb: 10 })).text, `${10 << 20}`);
    });
  });
}
