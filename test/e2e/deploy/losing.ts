// A worker that stops, dies or comes back under load, behind every balancer of deploy/.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { startWorker, type Worker } from '../worker.ts';
import type { StartBalancer } from './balancer.ts';
import { many, place } from './behind.ts';
import { Load, runs } from './calls.ts';

const callers = 8;

/** `todo`: why a call may fail yet when a worker is stopped. */
export function losing(start: StartBalancer, todo?: string): void {
  describe('a worker under load', () => {
    test('stopped by SIGTERM: no call fails, and the other one takes all', todo === undefined ? {} : { todo }, async (t) => {
      const { ask, workers } = await place(t, start);
      const load = new Load(t, { ask, lambdas: many, callers });
      await load.more(200);
      assert.equal(await workers[0].stop('SIGTERM'), 0);
      await load.more(200);
      await load.stop();
      assert.deepEqual(load.failed, []);
      const counts = runs(workers);
      assert.deepEqual(
        load.answered.filter((id) => counts.get(id) !== 1),
        [],
      );
    });

    test('killed: only calls that it had fail, none runs twice, and once it is back it gets its lambdas again', async (t) => {
      const { ask, workers, home } = await place(t, start);
      const [killed] = workers;
      const homes = new Map<string, Worker>();
      for (const lambda of many) homes.set(lambda, await home(lambda));
      const load = new Load(t, { ask, lambdas: many, callers });
      await load.more(200);
      assert.equal(await killed.stop('SIGKILL'), 'SIGKILL');
      await load.more(400);
      assert.ok(load.failed.length <= callers, JSON.stringify(load.failed));
      // HAProxy tells of it by closing the connection where that has carried a call before.
      for (const { how } of load.failed) assert.match(how, /^502 .*"worker-lost"|^SocketError: other side closed/);
      assert.ok([...runs(workers).values()].every((times) => times === 1));

      const failed = load.failed.length;
      const back = await startWorker(t, { dir: killed.dir, config: { worker_port: killed.port, drain_ms: 3000 } });
      await back.logged(({ msg }) => msg.startsWith('ran '));
      await load.more(200);
      await load.stop();
      assert.equal(load.failed.length, failed, JSON.stringify(load.failed));
      assert.ok([...runs([back, ...workers]).values()].every((times) => times === 1));
      for (const [lambda, first] of homes) assert.equal((await home(lambda, back)).port, first.port, lambda);
    });
  });
}
