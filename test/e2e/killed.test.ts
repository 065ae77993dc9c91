// What a killed worker leaves: the next one of its directory finds it and removes it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { echo, stuck } from './lambdas.ts';
import { alive, cgroups, inside, nothingLeft } from './traces.ts';
import { needsRoot, startWorker } from './worker.ts';

test(
  'killed under load, again and again, it leaves no more than the last one has, which the next one removes, and serves',
  needsRoot,
  async (t) => {
    const first = await startWorker(t, { lambdas: { stuck, echo }, config: { freeze_after_ms: 0 } });
    let worker = first;
    let left: number[] = [];
    for (let kills = 0; kills < 3; kills++) {
      assert.deepEqual((await worker.call('echo', { kills })).json(), { kills });
      const calls = Array.from({ length: 4 }, () => worker.call('stuck', {}).catch((error: unknown) => error));
      await worker.logged(({ msg }) => msg === 'begun');
      left = inside(worker);
      assert.equal(await worker.stop('SIGKILL'), 'SIGKILL');
      await Promise.all(calls);
      assert.ok(cgroups(worker).length > 0);
      worker = await startWorker(t, { dir: first.dir });
      assert.deepEqual(alive(left), []);
      assert.equal(cgroups(worker).filter((path) => /\/sock-worker-[0-9a-f]+$/.test(path)).length, 1);
    }
    assert.deepEqual((await worker.call('echo', { again: 1 })).json(), { again: 1 });
    const after = inside(worker);
    assert.equal(await worker.stop(), 0);
    nothingLeft(worker, after);
  },
);
