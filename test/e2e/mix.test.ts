// Everything at once: warm, cold, failing, exiting, slow and aborted calls over several lambdas, with little room and short rests.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { echo, slow, who } from './lambdas.ts';
import { alive, cgroups, inside, openDescriptors, zombies } from './traces.ts';
import { needsRoot, startWorker, type Worker } from './worker.ts';

interface Counts {
  readonly instances: number;
  readonly idle: number;
  readonly queued: number;
  readonly inFlight: number;
  readonly sandboxes: number;
  readonly room: { readonly takenBytes: number; readonly waiting: number };
}

const clients = 12;
/** Fewer where REQUIRE_KERNEL tells of an emulated machine. */
const callsOfEach = process.env.REQUIRE_KERNEL === '1' ? 50 : 150;

const lambdas = {
  echo,
  who,
  slow,
  other: echo,
  raises: 'def f(event):\n  raise ValueError(event["n"])\n',
  exits: 'import os\ndef f(event):\n  os._exit(3)\n',
  segfaults: 'import ctypes\ndef f(event):\n  ctypes.string_at(0)\n',
  spins: 'def f(event):\n  while True: pass\n',
  large: 'def f(event):\n  return "x" * 300_000\n',
};

/** What a client asks, and which answers it may get beside being refused for want of room. */
type Kind = (worker: Worker, id: string, n: number) => Promise<number | 'aborted'>;

const kinds: readonly Kind[] = [
  async (worker, id, n) => {
    const answer = await worker.call('echo', { n, id }, headers(id));
    if (answer.status === 200) assert.deepEqual(answer.json(), { n, id });
    return answer.status;
  },
  async (worker, id, n) => {
    const answer = await worker.call('other', { n, id }, { ...headers(id), start: n % 2 === 0 ? 'forked' : 'standby' });
    if (answer.status === 200) assert.deepEqual(answer.json(), { n, id });
    return answer.status;
  },
  async (worker, id) => (await worker.call('who', {}, headers(id))).status,
  async (worker, id) => {
    const answer = await worker.call('large', {}, headers(id));
    if (answer.status === 200) assert.equal(answer.text.length, 300_002);
    return answer.status;
  },
  async (worker, id, n) => {
    const { status, text } = await worker.call('raises', { n }, headers(id));
    if (status === 500) assert.ok(text.includes(`ValueError: ${n}`), text);
    else assert.ok([429, 503].includes(status), text);
    return status === 500 ? 200 : status;
  },
  async (worker, id, n) => {
    const { status, text } = await worker.call(n % 2 === 0 ? 'exits' : 'segfaults', {}, headers(id));
    if (status === 502) assert.ok(text.includes(n % 2 === 0 ? 'exit code 3' : 'SIGSEGV'), text);
    else assert.ok([429, 503].includes(status), text);
    return status === 502 ? 200 : status;
  },
  async (worker, id) => (await worker.call('slow', { s: 0.02 }, headers(id))).status,
  (worker, id) => aborted(worker, 'slow', { s: 0.05 }, id),
  (worker, id) => aborted(worker, 'spins', {}, id),
  async (worker, id) => {
    const { status } = await worker.call('unknown', {}, headers(id));
    assert.equal(status, 404);
    return 200;
  },
];

const headers = (id: string) => ({ headers: { 'x-request-id': id } });

/** Goes away as soon as another request of the same client has been answered: somewhere between the queue and the handler. */
async function aborted(worker: Worker, lambda: string, event: unknown, id: string): Promise<'aborted'> {
  const leaving = new AbortController();
  const call = worker.call(lambda, event, { ...headers(id), signal: leaving.signal });
  const end = call.then(
    () => {},
    () => {},
  );
  await worker.call('echo', {}, headers(`${id}-beside`));
  leaving.abort();
  await end;
  return 'aborted';
}

// The same in every run, and different for every client.
function* numbers(seed: number): Generator<number> {
  for (let n = seed * 7919 + 1; ; n = (n * 48271) % 2147483647) yield n;
}

test('a mix of all traffic: each call is answered once, and in the end nothing is left', needsRoot, async (t) => {
  const worker = await startWorker(t, {
    lambdas,
    config: {
      freeze_after_ms: 5,
      keep_warm_ms: 100,
      registry_cache_ms: 100,
      max_instances: 6,
      mem_pool_mb: 600,
      limits: { mem_mb: 60, queue: 50, runtime_sec: 20 },
    },
  });
  const statuses = new Map<number | 'aborted', number>();
  const client = async (seed: number): Promise<void> => {
    const random = numbers(seed);
    for (let n = 0; n < callsOfEach; n++) {
      const kind = kinds[(random.next().value ?? 0) % kinds.length];
      assert.ok(kind);
      const status = await kind(worker, `c${seed}-${n}`, n);
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
    }
  };
  await Promise.all(Array.from({ length: clients }, (_, seed) => client(seed)));

  // 409: no standby was waiting, or no room for a fork of its own; 429, 503: refused for want of room. All told apart from a lost call.
  for (const status of statuses.keys()) assert.ok([200, 409, 429, 503, 'aborted'].includes(status), JSON.stringify([...statuses]));
  assert.equal(
    [...statuses.values()].reduce((a, b) => a + b, 0),
    clients * callsOfEach,
  );
  assert.ok((statuses.get(200) ?? 0) > (clients * callsOfEach) / 4, JSON.stringify([...statuses]));

  let counts = await worker.status<Counts>();
  const quiet = () => counts.inFlight === 0 && counts.queued === 0 && counts.instances === 0 && counts.sandboxes === 0;
  for (let looks = 0; looks < 20_000 && !quiet(); looks++) counts = await worker.status<Counts>();
  assert.deepEqual([counts.inFlight, counts.queued, counts.instances, counts.sandboxes], [0, 0, 0, 0], JSON.stringify(counts));
  assert.deepEqual([counts.room.takenBytes, counts.room.waiting], [0, 0]);
  assert.deepEqual(zombies(worker.pid), []);
  assert.ok(openDescriptors(worker.pid) < 300);
  assert.ok(!worker.log.some(({ level, msg }) => level >= 50 || /settled more than once|after its call was settled/.test(msg)));

  const pids = inside(worker);
  assert.equal(await worker.stop(), 0);
  assert.deepEqual([cgroups(worker), alive(pids), worker.stderr], [[], [], []]);
});
