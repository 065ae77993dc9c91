// Limits: a lambda that takes all it gets gets no more than its share, and its neighbours and the worker go on.
import assert from 'node:assert/strict';
import { closeSync, openSync, readdirSync, readlinkSync } from 'node:fs';
import { before, describe, type TestContext, test } from 'node:test';
import { cgroups } from '../traces.ts';
import { needsRoot, type Owner, startWorker, suiteOwner, type Worker } from '../worker.ts';
import { callCold, coldClasses, source } from './attempts.ts';
import { children, isSandbox } from './host.ts';

interface Refused {
  readonly count: number;
  readonly errno: string;
}

interface Filled extends Refused {
  readonly kib: number;
}

const lambdas = { attack: source('limits'), neighbour: 'calls = 0\ndef f(event):\n  global calls\n  calls += 1\n  return calls' };
const begin = (owner: Owner, limits: Readonly<Record<string, number>>): Promise<Worker> =>
  startWorker(owner, { lambdas, config: { limits } });
const noController = 'cgroup v2 has no memory controller here';

/** The process namespaces of the sandboxes that are there, held open so that no other gets their numbers. */
function holdNamespaces(t: TestContext, worker: Worker): string[] {
  return children(worker.pid)
    .filter(isSandbox)
    .flatMap((pid) => {
      try {
        const fd = openSync(`/proc/${pid}/ns/pid`, 'r');
        t.after(() => closeSync(fd));
        return [readlinkSync(`/proc/self/fd/${fd}`)];
      } catch {
        return []; // it ended while we looked
      }
    });
}

function processesIn(namespaces: readonly string[]): number[] {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return pids.map(Number).filter((pid) => {
    try {
      return namespaces.includes(readlinkSync(`/proc/${pid}/ns/pid`));
    } catch {
      return false;
    }
  });
}

async function unenforced(worker: Worker): Promise<readonly string[]> {
  return (await worker.status<{ limitsNotEnforced: readonly string[] }>()).limitsNotEnforced;
}

for (const start of coldClasses) {
  describe(`a ${start} lambda`, needsRoot, () => {
    const owner = suiteOwner();
    let worker: Worker; // with room in all but what a test of it is about
    let small: Worker;
    before(async () => {
      worker = await begin(owner, { procs: 10, mem_mb: 200, tmp_mb: 8 });
      small = await begin(owner, { mem_mb: 50 });
    });
    const take = async <T>(what: string): Promise<T> => (await callCold(worker, 'attack', { take: what }, start)).json<T>();

    test('has as many processes as limits.procs, not more', async () => {
      const { count, errno } = await take<Refused>('processes');
      assert.equal(errno, 'EAGAIN');
      assert.ok(count <= 10 && count >= 8, `${count} children`);
    });

    test('has as many threads as limits.procs, not more', async () => {
      const count = await take<number>('threads');
      assert.ok(count <= 10 && count >= 8, `${count}`);
    });

    test('that is a fork bomb is ended at its time limit, with all of it, while others are served', async (t) => {
      const impatient = await begin(t, { procs: 30, runtime_sec: 2 });
      await impatient.call('neighbour');
      let bombing = true;
      const bomb = callCold(impatient, 'attack', { take: 'bomb' }, start).finally(() => (bombing = false));
      let calls = 1;
      const namespaces = new Set<string>();
      while (bombing) {
        assert.equal((await impatient.call('neighbour')).text, `${++calls}`);
        if (namespaces.size < 10) for (const one of holdNamespaces(t, impatient)) namespaces.add(one);
      }
      assert.equal((await bomb).status, 504);
      assert.equal((await callCold(impatient, 'attack', { take: 'spin' }, start)).status, 504, 'one that only spins is ended, too');
      assert.equal((await impatient.call('neighbour')).text, `${++calls}`);
      assert.equal(await impatient.stop(), 0);
      assert.deepEqual(cgroups(impatient), []);
      assert.ok(namespaces.size >= 2);
      assert.deepEqual(processesIn([...namespaces]), []);
    });

    test('gets the memory of limits.mem_mb, not more', async () => {
      assert.equal((await callCold(worker, 'attack', { take: 'memory', mib: 100 }, start)).text, '100');
      const answer = await callCold(small, 'attack', { take: 'memory', mib: 100 }, start);
      if ((await unenforced(small)).includes('memory')) {
        assert.equal(answer.status, 500);
        assert.match(answer.text, /MemoryError/);
      } else {
        assert.equal(answer.status, 502);
        assert.match(answer.text, /"sandbox-oom".*OOM/);
      }
      assert.match((await small.call('neighbour')).text, /^\d+$/);
    });

    for (const kind of ['shared memory', 'a memory file', 'System V memory']) {
      test(`gets no more than that as ${kind} either`, async (t) => {
        if ((await unenforced(small)).includes('memory')) {
          assert.notEqual(process.env.REQUIRE_KERNEL, '1', noController);
          return t.skip(noController);
        }
        const answer = await callCold(small, 'attack', { take: kind, mib: 100 }, start);
        assert.equal(answer.status, 502);
        assert.match(answer.text, /OOM/);
        assert.match((await small.call('neighbour')).text, /^\d+$/);
      });
    }

    test('has limits.tmp_mb of scratch, /tmp, /dev/shm and /host together', async () => {
      const first = await take<Filled>('tmp');
      assert.equal(first.errno, 'ENOSPC');
      assert.ok(first.kib <= 8192 && first.kib > 7 * 1024, `${first.kib} KiB`);
      for (const place of ['shm', 'host']) {
        const next = (await worker.call('attack', { take: place }, { start: 'warm' })).json<Filled>();
        assert.deepEqual([next.errno, next.kib], ['ENOSPC', 0], place);
      }
    });

    test('has a limited number of files', async () => {
      const { count, errno } = await take<Refused>('files of tmp');
      assert.equal(errno, 'ENOSPC');
      assert.ok(count > 1000 && count <= 2048, `${count} files, of 2048 inodes`);
      const next = (await worker.call('attack', { take: 'files of shm' }, { start: 'warm' })).json<Refused>();
      assert.deepEqual(next, { count: 0, errno: 'ENOSPC' });
    });

    test('has 1024 descriptors', async () => {
      const { count, errno } = await take<Refused>('descriptors');
      assert.equal(errno, 'EMFILE');
      assert.ok(count <= 1024 && count > 1000, `${count}`);
    });

    test('that ends at once, again and again, exhausts nothing', async () => {
      const rounds = start === 'spawned' ? 10 : 50;
      for (let i = 0; i < rounds; i++) assert.equal((await callCold(worker, 'attack', { take: 'exit' }, start)).status, 502);
      const burst = Array.from({ length: 20 }, () => worker.call('attack', { take: 'exit' }));
      for (const answer of await Promise.all(burst)) assert.equal(answer.status, 502);
      assert.match((await callCold(worker, 'neighbour', undefined, start)).text, /^\d+$/);
    });

    // The last one: it stops the worker.
    test('leaves no daemon behind', async (t) => {
      await callCold(small, 'attack', { take: 'daemon' }, start);
      const namespaces = holdNamespaces(t, small);
      assert.ok(processesIn(namespaces).length > namespaces.length, 'the daemon is there while its sandbox is');
      assert.equal((await small.call('attack', { take: 'exit' }, { start: 'warm' })).status, 502);
      assert.equal(await small.stop(), 0);
      assert.deepEqual(processesIn(namespaces), []);
    });
  });
}

test('limits.procs is what limits the processes', needsRoot, async (t) => {
  const worker = await begin(t, { procs: 30 });
  const { count } = (await worker.call('attack', { take: 'processes' })).json<Refused>();
  assert.ok(count <= 30 && count >= 28, `${count} children`);
});
