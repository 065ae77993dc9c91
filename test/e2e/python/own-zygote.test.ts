// A lambda that takes long to load, and is started often, gets a zygote that has it loaded.
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { type Answer, needsRoot, startWorker, type Worker } from '../worker.ts';

interface Counts {
  readonly instances: number;
  readonly lambdaZygotes: number;
}

async function until(worker: Worker, wanted: (counts: Counts) => boolean): Promise<void> {
  let counts = await worker.status<Counts>();
  for (let looks = 1; looks < 5000 && !wanted(counts); looks++) counts = await worker.status<Counts>();
  assert.ok(wanted(counts), JSON.stringify(counts));
}

const phases = ({ headers }: Answer): string[] => String(headers['server-timing']).split(', ').map((phase) => phase.split(';')[0] ?? ''); // biome-ignore format: a pipe

const heavy = `import os, random, time
time.sleep(0.1)
name = os.urandom(8).hex()
calls = 0
print("imported")
def f(event, context):
  global calls
  calls += 1
  time.sleep(event.get("s", 0))
  return {"event": event, "name": name, "drawn": random.random(), "calls": calls, "id": context.request_id, "cwd": os.listdir("/handler"), "argv": len(__import__("sys").argv)}
`;
const threads = `import threading, time
time.sleep(0.1)
threading.Thread(target=threading.Event().wait, daemon=True).start()
def f(event): return time.sleep(event.get("s", 0)) or "fine"
`;
/** Two sandboxes at a time. */
const burst = (worker: Worker, lambda: string): Promise<Answer[]> =>
  Promise.all([worker.call(lambda, { s: 0.3 }), worker.call(lambda, { s: 0.3 })]);

test('after two cold calls the next ones find the handler loaded', needsRoot, async (t) => {
  const config = { keep_warm_ms: 50, freeze_after_ms: 20 };
  const worker = await startWorker(t, { lambdas: { heavy }, config });
  for (const answer of await burst(worker, 'heavy')) assert.ok(phases(answer).includes('load'), String(answer.headers['server-timing']));
  await until(worker, ({ instances, lambdaZygotes }) => instances === 0 && lambdaZygotes === 1);
  // It is counted from its beginning; it serves when its own import has been logged.
  await worker.logged(({ msg, requestId }) => msg === 'imported' && requestId === undefined);
  let answers = await burst(worker, 'heavy');
  for (let rounds = 0; rounds < 50 && answers.some((answer) => phases(answer).includes('load')); rounds++) {
    await until(worker, ({ instances }) => instances === 0);
    answers = await burst(worker, 'heavy');
  }
  for (const answer of answers) {
    assert.ok(!phases(answer).includes('load'), String(answer.headers['server-timing']));
    assert.deepEqual([answer.status, answer.headers['x-start-class']], [200, 'forked']);
    const said = answer.json<{ event: unknown; calls: number; id: string; cwd: string[]; argv: number }>();
    assert.deepEqual([said.event, said.calls, said.id, said.cwd, said.argv], [{ s: 0.3 }, 1, answer.headers['x-request-id'], ['f.py'], 1]);
  }
  const names = answers.map((answer) => answer.json<{ name: string }>().name);
  assert.equal(names[0], names[1], 'they are of one import');
  const drawn = answers.map((answer) => answer.json<{ drawn: number }>().drawn);
  assert.notEqual(drawn[0], drawn[1], 'random numbers are drawn anew');
  assert.equal(worker.log.filter(({ msg, requestId }) => msg === 'imported' && requestId === undefined).length, 1);
});

test('a handler that leaves a thread is told why, and goes on being loaded in each sandbox', needsRoot, async (t) => {
  const worker = await startWorker(t, { lambdas: { threads }, config: { keep_warm_ms: 50, freeze_after_ms: 20 } });
  await burst(worker, 'threads');
  await worker.logged(({ msg, lambda }) => lambda === 'threads' && msg.includes('after it threads run'));
  await until(worker, ({ instances, lambdaZygotes }) => instances === 0 && lambdaZygotes === 0);
  for (const answer of await burst(worker, 'threads')) {
    assert.equal(answer.text, '"fine"');
    assert.ok(phases(answer).includes('load'));
  }
  assert.equal((await worker.status<Counts>()).lambdaZygotes, 0);
});

const variables = `import os, time
time.sleep(0.03)
at_import = os.environ.get("NAME"), os.environ.get("LD_PRELOAD"), os.environ.get("SOCK_SETTINGS")
in_zygote = os.getuid() == 0
if in_zygote: print("imported in the zygote")
def f(event): return [time.sleep(event.get("s", 0)), in_zygote, *at_import]
`;

test('the environment of its ol.yaml is there at import, and decides nothing about the zygote', needsRoot, async (t) => {
  const worker = await startWorker(t, { config: { keep_warm_ms: 50, freeze_after_ms: 20 } });
  const directory = join(worker.registry, 'variables');
  mkdirSync(directory);
  writeFileSync(join(directory, 'f.py'), variables);
  writeFileSync(
    join(directory, 'ol.yaml'),
    'environment: {NAME: value, LD_PRELOAD: /handler/none.so, LD_LIBRARY_PATH: /handler, PYTHONHOME: /none}\n',
  );
  await burst(worker, 'variables');
  await worker.logged(({ msg }) => msg === 'imported in the zygote');
  let answers = await burst(worker, 'variables');
  for (let rounds = 0; rounds < 50 && !answers.every(({ text }) => text.includes('true')); rounds++) {
    await until(worker, ({ instances }) => instances === 0);
    answers = await burst(worker, 'variables');
  }
  for (const { text } of answers) assert.equal(text, '[null, true, "value", "/handler/none.so", null]');
});
