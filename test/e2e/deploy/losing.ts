// A worker that stops, dies or comes back under load, behind every balancer of deploy/.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { startWorker, type Worker } from '../worker.ts';
import type { StartBalancer } from './balancer.ts';
import { many, type Place, patient, place } from './behind.ts';
import { Load, runs } from './calls.ts';

/** Callers at a time, and calls between events; fewer where REQUIRE_KERNEL tells of an emulated machine. */
const [callers, some] = process.env.REQUIRE_KERNEL === '1' ? [3, 30] : [8, 200];

export function losing(start: StartBalancer): void {
  describe('a worker under load', { concurrency: true }, () => {
    test('stopped by SIGTERM: no call fails, and the other one takes all', async (t) => {
      const placed = await place(t, start);
      const { ask, workers } = placed;
      const load = new Load(t, { ask, lambdas: [...(await homes(placed)).keys()], callers });
      await load.more(some);
      assert.equal(await workers[0].stop('SIGTERM'), 0);
      await load.more(some);
      await load.stop();
      assert.deepEqual(load.failed, []);
      await workers[1].stop(); // so that all of its log is here
      const counts = runs(workers);
      assert.deepEqual(
        load.answered.filter((id) => counts.get(id) !== 1),
        [],
      );
    });

    test('killed: only calls that it had fail, none runs twice, and once it is back it gets its lambdas again', async (t) => {
      const placed = await place(t, start);
      const { ask, workers, home } = placed;
      const [killed] = workers;
      const lambdas = await homes(placed);
      const load = new Load(t, { ask, lambdas: [...lambdas.keys()], callers });
      await load.more(some);
      assert.equal(await killed.stop('SIGKILL'), 'SIGKILL');
      await load.more(2 * some);
      // A process that was killed lets go of its descriptors from the highest number down (tried): of its connections first, and a moment later of
      // its listener, by which the kernel takes calls for it till then. So each caller loses the call that it had, and at most one more.
      const losers = load.failed.map(({ id }) => id.split('-')[0]);
      for (const loser of losers) assert.ok(losers.filter((other) => other === loser).length <= 2, JSON.stringify(load.failed));
      // HAProxy tells of it by closing the connection where that has carried a call before.
      for (const { how } of load.failed) assert.match(how, /^502 .*"worker-lost"|^SocketError: other side closed/);
      assert.ok([...runs(workers).values()].every((times) => times === 1));

      const failed = load.failed.length;
      const back = await startWorker(t, { dir: killed.dir, config: { worker_port: killed.port, ...patient } });
      await back.logged(({ msg }) => msg.startsWith('ran '));
      await load.more(some);
      await load.stop();
      assert.equal(load.failed.length, failed, JSON.stringify(load.failed));
      assert.ok([...runs([back, ...workers]).values()].every((times) => times === 1));
      for (const [lambda, first] of lambdas) assert.equal((await home(lambda, back)).port, first.port, lambda);
    });
  });
}

/** Four lambdas with the workers that they are at home: two at each. */
async function homes({ home, workers }: Place): Promise<Map<string, Worker>> {
  const found = new Map<string, Worker>();
  for (const lambda of many) {
    const worker = await home(lambda);
    if ([...found.values()].filter((other) => other === worker).length < 2) found.set(lambda, worker);
    if (found.size === 2 * workers.length) return found;
  }
  throw new Error(`of ${many.length} lambdas, one of the workers is home to less than two`);
}
