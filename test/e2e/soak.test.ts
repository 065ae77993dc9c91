// The soak: for three minutes everything at once that clients, lambdas and administrators may do, well or badly, against one worker. Each request has its
// answer once, and in the end nothing is left of it.
//
//   SOAK_SECONDS=180   how long the traffic lasts (for more than ten minutes run this file by itself: the suite ends a test after fifteen)
//   SOAK_SEED=<n>      the seed of all that is chosen (what each client does, in which order); without it one is made up, and told
//
// What is asked is in soak/kinds.ts (and leaving.ts), of the lambdas of lambdas.ts, by the clients of senders.ts; ledger.ts keeps the books.
import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Client, type Stage } from './soak/client.ts';
import { kinds } from './soak/kinds.ts';
import { cold, install } from './soak/lambdas.ts';
import { Ledger, mostTraced } from './soak/ledger.ts';
import { Random } from './soak/random.ts';
import { atRest, remains } from './soak/remains.ts';
import { senders } from './soak/senders.ts';
import { alive, cgroups, inside, mounts, residentBytes } from './traces.ts';
import { needsRoot, startWorker } from './worker.ts';

const seconds = Number(process.env.SOAK_SECONDS ?? 180);
const seed = Number(process.env.SOAK_SEED ?? randomInt(2 ** 32));
const clients = 12;
const standbys = 2;
/** Of the worker, at rest, with 100,000 traced requests. */
const mostResident = 400 << 20;

const config = {
  freeze_after_ms: 20,
  keep_warm_ms: 200,
  registry_cache_ms: 100,
  max_instances: 6,
  mem_pool_mb: 900,
  standbys,
  max_standbys: standbys,
  limits: { mem_mb: 60, queue: 40, runtime_sec: 10 },
  trace: { requests: mostTraced },
};

test('a soak: each request is answered once, and nothing is left', needsRoot, async (t) => {
  console.log(`SOAK_SECONDS=${seconds} SOAK_SEED=${seed}`);
  const worker = await startWorker(t, { config });
  const lambdas = install(worker.registry);
  const ledger = new Ledger();
  const stage: Stage = { worker, ledger, senders: senders(worker.port), versions: 0 };

  // Each runtime has begun, and there are as many slots as there will be.
  const first = new Client(clients, stage, new Random(seed));
  await Promise.all([...cold, 'node', 'native'].map((lambda) => first.ask('first', lambda)));
  const before = (await atRest(worker)).lambdaZygotes;
  const rested = remains(worker, before);

  const end = AbortSignal.timeout(seconds * 1000);
  await Promise.all(
    Array.from({ length: clients }, async (_, number) => {
      const client = new Client(number, stage, new Random(seed + number + 1));
      const failed = (error: Error) => ledger.problem(`client ${number}: ${error.stack}`);
      while (!end.aborted) await client.random.pick(kinds)(client).catch(failed);
    }),
  );
  await stage.senders.close();
  console.log(`${ledger.count()} requests\n${ledger.summary()}`);

  const { instances, inFlight, queued, sandboxes, room, lambdaZygotes } = await atRest(worker);
  assert.deepEqual([instances, inFlight, queued, sandboxes, room.takenBytes, room.waiting], [0, 0, 0, 0, 0, 0]);
  assert.deepEqual(ledger.problems, []);
  await ledger.agrees(worker);
  assert.deepEqual(ledger.problems, []);
  if (seconds >= 30)
    for (const outcome of [200, 404, 413, 429, 500, 502, 503, 504, 'gone'] as const)
      assert.ok(ledger.count(outcome) > 0, `no request came to ${outcome}`);
  assert.ok(!worker.log.some(({ level, msg }) => level >= 50 || /settled more than once|after its call was settled/.test(msg)));

  const left = remains(worker, lambdaZygotes);
  const resident = residentBytes(worker.pid);
  console.log(JSON.stringify({ rested, left, residentMb: resident >> 20 }));
  // Slots are made for as many sandboxes as there were at a time. A zygote of a single lambda has its own: for its instances, and 8 in reserve, each of
  // a cgroup and four descriptors; and for itself two cgroups, a user namespace, a freezer, its pidfd, its control channel, two pipes.
  const [more, slots] = [lambdaZygotes - before, config.max_instances + 8];
  assert.ok(
    left.descriptors < rested.descriptors + 100 + (4 * slots + 6) * more && left.cgroups < rested.cgroups + 20 + (slots + 2) * more,
    JSON.stringify(left),
  );
  assert.deepEqual({ ...left, descriptors: 0, cgroups: 0, codes: 0 }, { ...rested, descriptors: 0, cgroups: 0, codes: 0 });
  assert.ok(left.codes <= lambdas, `${left.codes} codes of ${lambdas} lambdas`);
  assert.ok(resident < mostResident, `it has ${resident >> 20} MiB`);

  const pids = inside(worker);
  assert.equal(await worker.stop(), 0);
  assert.deepEqual([cgroups(worker), alive(pids), mounts(worker), worker.stderr], [[], [], [], []]);
  assert.deepEqual(readdirSync(join(worker.workerDir, 'staging')), []);
});
