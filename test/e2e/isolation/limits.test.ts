// Limits: a lambda that takes all it gets gets no more than its share, and its neighbours and the worker go on.
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { describe, type TestContext, test } from 'node:test';
import { needsRoot, startWorker, type Worker } from '../worker.ts';
import { callCold, coldClasses, source } from './attempts.ts';
import { children, isSandbox, procStatus } from './host.ts';

interface Refused {
  readonly count: number;
  readonly errno: string;
}

const lambdas = { attack: source('limits'), neighbour: 'calls = 0\ndef f(event):\n  global calls\n  calls += 1\n  return calls' };
const begin = (t: TestContext, limits: Readonly<Record<string, number>> = {}): Promise<Worker> =>
  startWorker(t, { lambdas, config: { limits } });

/** Host uids of the sandboxes that are there. */
const uidsOf = (worker: Worker): string[] => children(worker.pid).filter(isSandbox).map(uidOf);
const uidOf = (pid: number): string => procStatus(pid).get('Uid')?.split(/\s+/)[0] ?? '';

function processesOf(uids: readonly string[]): number[] {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return pids.map(Number).filter((pid) => {
    try {
      return uids.includes(uidOf(pid));
    } catch {
      return false; // it ended while we looked
    }
  });
}

async function unenforced(worker: Worker): Promise<readonly string[]> {
  return (await worker.status<{ limitsNotEnforced: readonly string[] }>()).limitsNotEnforced;
}

for (const start of coldClasses) {
  describe(`a ${start} lambda`, needsRoot, () => {
    test('has as many processes as limits.procs, not more', async (t) => {
      for (const procs of [10, 30]) {
        const worker = await begin(t, { procs });
        const { count, errno } = (await callCold(worker, 'attack', { take: 'processes' }, start)).json<Refused>();
        assert.equal(errno, 'EAGAIN');
        assert.ok(count <= procs && count >= procs - 2, `${count} children with a limit of ${procs}`);
        await worker.stop();
      }
    });

    test('has as many threads as limits.procs, not more', async (t) => {
      const worker = await begin(t, { procs: 10, mem_mb: 200 }); // a thread's stack counts as memory where rlimits stand in
      const count = (await callCold(worker, 'attack', { take: 'threads' }, start)).json<number>();
      assert.ok(count <= 10 && count >= 8, `${count}`);
    });

    test('that is a fork bomb is ended at its time limit, with all of it, while others are served', async (t) => {
      const worker = await begin(t, { procs: 30, runtime_sec: 2 });
      await worker.call('neighbour');
      let bombing = true;
      const bomb = callCold(worker, 'attack', { take: 'bomb' }, start).finally(() => (bombing = false));
      let calls = 1;
      let uids: string[] = [];
      while (bombing) {
        assert.equal((await worker.call('neighbour')).text, `${++calls}`);
        uids = [...new Set([...uids, ...uidsOf(worker)])];
      }
      assert.equal((await bomb).status, 504);
      assert.equal(await worker.stop(), 0);
      assert.deepEqual(processesOf(uids), []);
    });

    test('leaves no daemon behind', async (t) => {
      const worker = await begin(t);
      await callCold(worker, 'attack', { take: 'daemon' }, start);
      const uids = uidsOf(worker);
      assert.ok(processesOf(uids).length > uids.length, 'the daemon is there while its sandbox is');
      assert.equal((await worker.call('attack', { take: 'exit' }, { start: 'warm' })).status, 502);
      assert.equal(await worker.stop(), 0);
      assert.deepEqual(processesOf(uids), []);
    });

    test('that spins is ended at its time limit while others are served', async (t) => {
      const worker = await begin(t, { runtime_sec: 1 });
      const spin = callCold(worker, 'attack', { take: 'spin' }, start);
      assert.equal((await worker.call('neighbour')).text, '1');
      assert.equal((await spin).status, 504);
      assert.equal((await worker.call('neighbour')).text, '2');
    });

    test('gets the memory of limits.mem_mb, not more', async (t) => {
      const enough = await begin(t, { mem_mb: 200 });
      assert.equal((await callCold(enough, 'attack', { take: 'memory', mib: 100 }, start)).text, '100');
      await enough.stop();
      const worker = await begin(t, { mem_mb: 50 });
      const answer = await callCold(worker, 'attack', { take: 'memory', mib: 100 }, start);
      if ((await unenforced(worker)).includes('memory')) {
        assert.equal(answer.status, 500);
        assert.match(answer.text, /MemoryError/);
      } else {
        assert.equal(answer.status, 502);
        assert.match(answer.text, /OOM/);
      }
      assert.equal((await worker.call('neighbour')).text, '1');
    });

    for (const take of ['shared memory', 'a memory file', 'System V memory']) {
      test(`gets no more than that as ${take} either`, async (t) => {
        const worker = await begin(t, { mem_mb: 50 });
        if ((await unenforced(worker)).includes('memory')) {
          if (process.env.REQUIRE_KERNEL !== '1') return t.skip('cgroup v2 has no memory controller here');
          assert.fail('cgroup v2 has no memory controller here');
        }
        const answer = await callCold(worker, 'attack', { take, mib: 100 }, start);
        assert.equal(answer.status, 502);
        assert.match(answer.text, /OOM/);
        assert.equal((await worker.call('neighbour')).text, '1');
      });
    }

    test('has limits.tmp_mb of scratch, /tmp, /dev/shm and /host together', async (t) => {
      const worker = await begin(t, { tmp_mb: 8, mem_mb: 100 });
      const first = (await callCold(worker, 'attack', { take: 'tmp' }, start)).json<Refused & { kib: number }>();
      assert.equal(first.errno, 'ENOSPC');
      assert.ok(first.kib <= 8192 && first.kib > 7 * 1024, `${first.kib} KiB`);
      for (const take of ['shm', 'host']) {
        const next = (await worker.call('attack', { take }, { start: 'warm' })).json<Refused & { kib: number }>();
        assert.deepEqual([next.errno, next.kib], ['ENOSPC', 0], take);
      }
    });

    test('has a limited number of files', async (t) => {
      const worker = await begin(t, { tmp_mb: 8 });
      const { count, errno } = (await callCold(worker, 'attack', { take: 'files of tmp' }, start)).json<Refused>();
      assert.equal(errno, 'ENOSPC');
      assert.ok(count > 1000 && count <= 2048, `${count} files, of 2048 inodes`);
      const next = (await worker.call('attack', { take: 'files of shm' }, { start: 'warm' })).json<Refused>();
      assert.deepEqual(next, { count: 0, errno: 'ENOSPC' });
    });

    test('has 1024 descriptors', async (t) => {
      const worker = await begin(t);
      const { count, errno } = (await callCold(worker, 'attack', { take: 'descriptors' }, start)).json<Refused>();
      assert.equal(errno, 'EMFILE');
      assert.ok(count <= 1024 && count > 1000, `${count}`);
    });

    test('that ends at once, again and again, exhausts nothing', async (t) => {
      const worker = await begin(t);
      const rounds = start === 'spawned' ? 10 : 100;
      for (let i = 0; i < rounds; i++) assert.equal((await callCold(worker, 'attack', { take: 'exit' }, start)).status, 502);
      const burst = Array.from({ length: 20 }, () => worker.call('attack', { take: 'exit' }));
      for (const answer of await Promise.all(burst)) assert.equal(answer.status, 502);
      assert.equal((await callCold(worker, 'neighbour', undefined, start)).text, '1');
    });
  });
}
