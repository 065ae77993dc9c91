// What a lambda's ol.yaml says, as its callers see it.
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import { who } from '../lambdas.ts';
import { needsRoot, startWorker, suiteOwner, type Worker } from '../worker.ts';

const sleeper = 'import os, time\nname = os.urandom(8).hex()\ndef f(event):\n  time.sleep(event.get("s", 0))\n  return name\n';
const environment = 'import os\nat_import = os.environ.get("COLOUR")\ndef f(event): return [at_import, os.environ.get("EMPTY")]\n';
const filler = `def f(event):
  try:
    with open("/tmp/x", "wb") as file: file.write(bytes(event["mb"] << 20))
    return "fits"
  except OSError as error:
    return error.strerror
`;

const greedy = `import threading
threading.stack_size(1 << 16)
def f(event):
  if "mb" in event: return len(bytearray(event["mb"] << 20)) >> 20
  held, threads = threading.Event(), []
  try:
    for _ in range(event["threads"]):
      threads.append(threading.Thread(target=held.wait))
      threads[-1].start()
    return "all"
  except RuntimeError:
    threads.pop()
    return len(threads)
  finally:
    held.set()
    for thread in threads: thread.join()
`;

describe('ol.yaml', needsRoot, () => {
  const owner = suiteOwner();
  let worker: Worker;
  before(async () => {
    worker = await startWorker(owner, { config: { registry_cache_ms: 0 } });
    add('once', who, 'reuse-sandbox: false');
    add('brief', sleeper, 'limits: {runtime_sec: 0.5}');
    add('single', sleeper, 'limits: {queue: 0}\ninstances: {max: 1}');
    add('small', 'def f(event): return 1', 'limits: {body_mb: 0.001}');
    add('getter', 'def f(event): return 1', 'triggers: {http: [{method: GET}]}');
    add('coloured', environment, 'environment: {COLOUR: red, EMPTY: ""}');
    add('tight', filler, 'limits: {tmp_mb: 4}');
    add('greedy', greedy, '');
    add('held', greedy, 'limits: {procs: 5, mem_mb: 24}');
    add('fleeting', who, 'keep_warm_ms: 0');
    add('ready', who, 'instances: {min: 2}');
    add('wrong', who, 'instances: {min: many}\ncolour: red');
    add('other', 'def f(event): return "f"\n', 'environment: {OL_ENTRY_FILE: main.py}', { 'main.py': 'def f(event): return "main"\n' });
  });

  function add(name: string, source: string, settings: string, more: Readonly<Record<string, string>> = {}): void {
    const dir = join(worker.registry, name);
    mkdirSync(dir);
    for (const [file, text] of Object.entries({ 'f.py': source, 'ol.yaml': `${settings}\n`, ...more }))
      writeFileSync(join(dir, file), text);
  }

  test('reuse-sandbox: false gives each call a sandbox of its own', async () => {
    const names = new Set<string>();
    for (let i = 0; i < 3; i++) names.add((await worker.call('once', {})).json<{ name: string }>().name);
    assert.equal(names.size, 3);
  });

  test('limits.runtime_sec ends a call, and the lambda goes on', async () => {
    const late = await worker.call('brief', { s: 100 });
    assert.deepEqual([late.status, late.json<{ error: { code: string } }>().error.code], [504, 'time-limit']);
    assert.equal((await worker.call('brief', {})).status, 200);
  });

  test('instances.max and limits.queue: who finds neither instance nor place in the queue is told to come again', async () => {
    const answers = await Promise.all([0, 1, 2].map(() => worker.call('single', { s: 0.5 })));
    assert.deepEqual(answers.map(({ status }) => status).sort(), [200, 429, 429]);
    assert.ok(answers.every(({ status, headers }) => status === 200 || Number(headers['retry-after']) > 0));
  });

  test('limits.body_mb is the limit of the lambda', async () => {
    assert.deepEqual(
      [(await worker.call('small', { a: 1 })).status, (await worker.call('small', Buffer.alloc(2000, '1'))).status],
      [200, 413],
    );
  });

  test('triggers.http: other methods are 405 with those that are allowed; HEAD goes with GET, OPTIONS asks', async () => {
    const by = (method: string) => worker.call('getter', undefined, { path: '/run/getter', method });
    const post = await by('POST');
    assert.deepEqual([post.status, post.headers.allow, post.text], [405, 'GET', 'HTTP method not allowed. Sent: POST, Allowed: [GET]\n']);
    assert.deepEqual([(await by('GET')).status, (await by('HEAD')).status], [200, 200]);
    const options = await by('OPTIONS');
    assert.deepEqual([options.status, options.headers.allow], [204, 'GET']);
  });

  test('environment is there when the code is imported, on every way to start', async () => {
    for (const start of ['standby', 'forked', 'spawned'] as const) {
      let answer = await worker.call('coloured', {}, { start });
      while (answer.status === 409) answer = await worker.call('coloured', {}, { start }); // no standby was waiting yet
      assert.deepEqual(answer.json(), ['red', ''], start);
    }
  });

  test('OL_ENTRY_FILE names another file', async () => {
    assert.equal((await worker.call('other', {})).text, '"main"');
  });

  test('limits.tmp_mb bounds /tmp', async () => {
    assert.deepEqual(
      [(await worker.call('tight', { mb: 2 })).json(), (await worker.call('tight', { mb: 8 })).json()],
      ['fits', 'No space left on device'],
    );
  });

  test('limits.procs and limits.mem_mb bound the lambda, and no other', async () => {
    for (const event of [{ threads: 7 }, { mb: 25 }])
      assert.deepEqual((await worker.call('greedy', event)).json(), event.threads === undefined ? 25 : 'all');
    assert.ok((await worker.call('held', { threads: 7 })).json<number>() < 5);
    assert.match((await worker.call('held', { mb: 25 })).text, /MemoryError|sandbox-oom/);
  });

  test('keep_warm_ms: an instance of the lambda ends when it has been idle for so long, those of others stay', async () => {
    const warm = async (lambda: string): Promise<number> => (await worker.call(lambda, {}, { start: 'warm' })).status;
    for (const lambda of ['fleeting', 'greedy']) assert.equal((await worker.call(lambda, { mb: 0 })).status, 200);
    let calls = 0;
    while ((await warm('fleeting')) === 200) assert.ok(calls++ < 1000);
    assert.equal((await worker.call('greedy', { mb: 0 }, { start: 'warm' })).status, 200);
  });

  test('instances.min are there beside the one that was called, with the handler loaded', async () => {
    const first = (await worker.call('ready', {})).json<{ name: string }>();
    const counts = async (): Promise<number> => (await worker.status<{ instances: number }>()).instances;
    const others = await counts();
    assert.ok(others >= 1);
    // Two at a time are answered by two that were there before.
    let answers = await Promise.all([worker.call('ready', {}), worker.call('ready', {})]);
    while (answers.some(({ headers }) => headers['x-start-class'] !== 'warm')) {
      answers = await Promise.all([worker.call('ready', {}), worker.call('ready', {})]);
    }
    assert.ok(answers.every(({ headers }) => !`${headers['server-timing']}`.includes('load;')));
    assert.ok(answers.some((answer) => answer.json<{ name: string }>().name === first.name));
  });

  test('one that is wrong fails each call with all that is wrong in it', async () => {
    const { status, text } = await worker.call('wrong', {});
    assert.equal(status, 500);
    assert.match(text, /instances\.min[\s\S]*colour/);
  });
});

test('8 simultaneous cold calls of a function that takes a second are answered by 8 instances', needsRoot, async (t) => {
  const worker = await startWorker(t, { lambdas: { sleeper } });
  const answers = await Promise.all(Array.from({ length: 8 }, () => worker.call('sleeper', { s: 1 })));
  assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([200]));
  assert.equal(new Set(answers.map(({ text }) => text)).size, 8);
});

/** Of one that was called often and one that was called last but is kept for a shorter time: which goes when there is room for two. */
const policies = { lru: 'often', ttl: 'brief', gdsf: 'brief' } as const;
for (const [eviction, first] of Object.entries(policies)) {
  test(
    `where memory is short, ${eviction} ends idle instances for others, ${first} first, and each call is answered`,
    needsRoot,
    async (t) => {
      const lambdas = Object.fromEntries(['often', 'a', 'b', 'c', 'd'].map((name) => [name, who]));
      const config = { mem_pool_mb: 100, limits: { mem_mb: 50 }, freeze_after_ms: 60_000, eviction };
      const worker = await startWorker(t, { lambdas, config });
      mkdirSync(join(worker.registry, 'brief'));
      writeFileSync(join(worker.registry, 'brief/f.py'), who);
      writeFileSync(join(worker.registry, 'brief/ol.yaml'), 'keep_warm_ms: 30000\n');
      for (const name of [...Array(50).fill('often'), 'brief', 'a']) assert.equal((await worker.call(name, {})).status, 200);
      assert.equal((await worker.call('often', {}, { start: 'warm' })).status, first === 'often' ? 409 : 200);
      for (let round = 0; round < 3; round++) {
        for (const name of ['a', 'b', 'c', 'd']) assert.equal((await worker.call(name, {})).status, 200);
      }
      const { instances, room } = await worker.status<{
        instances: number;
        room: { evictions: number; takenBytes: number; mostBytes: number };
      }>();
      assert.ok(instances <= 2 && room.takenBytes <= room.mostBytes && room.evictions >= 4, JSON.stringify({ instances, room }));
    },
  );
}

test('a flood of one lambda does not keep another from its turn', needsRoot, async (t) => {
  const worker = await startWorker(t, { lambdas: { flood: sleeper, light: who }, config: { mem_pool_mb: 100, limits: { mem_mb: 50 } } });
  let answered = 0;
  const flood = Array.from({ length: 200 }, () => worker.call('flood', { s: 0.03 }).finally(() => answered++));
  await flood[0];
  assert.equal((await worker.call('light', {})).status, 200);
  assert.ok(answered < 100, `${answered} of the flood came first`);
  for (const answer of await Promise.all(flood)) assert.equal(answer.status, 200);
});
