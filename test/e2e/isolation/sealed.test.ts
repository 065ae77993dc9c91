// The host's view: a standby has no more power while it waits for a lambda than while it serves one.
import assert from 'node:assert/strict';
import { readlinkSync } from 'node:fs';
import { describe, test } from 'node:test';
import { needsRoot, startWorker, type Worker } from '../worker.ts';
import { callCold, coldClasses } from './attempts.ts';
import { children, isSandbox, isZygote, procStatus } from './host.ts';

const noCapability = '0000000000000000';
const namespaces = ['mnt', 'pid_for_children', 'net', 'ipc', 'uts', 'cgroup'] as const;
const lambdas = { hello: 'def f(event): return "hello"' };

function assertSealed(pid: number): void {
  const status = procStatus(pid);
  for (const set of ['CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb']) assert.equal(status.get(set), noCapability, set);
  assert.equal(status.get('NoNewPrivs'), '1');
  assert.equal(status.get('Seccomp'), '2');
  assert.equal(status.get('Seccomp_filters'), '2', 'the allow-list, and the seal over it');
  for (const ids of ['Uid', 'Gid']) {
    const four = new Set(status.get(ids)?.split(/\s+/));
    assert.equal(four.size, 1, ids);
    assert.ok(Number([...four][0]) >= 2_000_000_000, `${ids} is high above those of people and services`);
  }
  assert.equal(status.get('Groups'), '');
}

const inNamespace = (pid: number, kind: string): string => readlinkSync(`/proc/${pid}/ns/${kind}`);

/** The zygotes and sandboxes; not the helpers that live for the time of a system call. */
function lasting(worker: Worker): number[] {
  return children(worker.pid).filter((pid) => isSandbox(pid) || isZygote(pid));
}

/** All sandboxes, once that many standbys are ready. Only the status tells. */
async function standbys(worker: Worker, wanted: number): Promise<number[]> {
  for (;;) {
    const { standbys: ready } = await worker.status<{ standbys: number }>();
    if (ready === wanted) return children(worker.pid).filter(isSandbox);
  }
}

describe('from the host', needsRoot, () => {
  test('standbys are sealed before they have a lambda', async (t) => {
    const worker = await startWorker(t, { config: { standbys: 3, max_standbys: 3 } });
    const waiting = await standbys(worker, 3);
    assert.equal(waiting.length, 3);
    for (const pid of waiting) assertSealed(pid);
  });

  for (const start of coldClasses) {
    test(`a ${start} sandbox is sealed, with a uid and namespaces that no other process has`, async (t) => {
      const worker = await startWorker(t, { lambdas, config: { standbys: 2, max_standbys: 2 } });
      await callCold(worker, 'hello', undefined, start);
      await callCold(worker, 'hello', undefined, start);
      const sandboxes = await standbys(worker, 2); // a standby in the making is not sealed yet
      assert.equal(sandboxes.length, 4);
      for (const pid of sandboxes) assertSealed(pid);
      const others = [process.pid, worker.pid, ...lasting(worker)];
      for (const pid of sandboxes) {
        for (const kind of namespaces) {
          const shared = others.filter((other) => other !== pid && inNamespace(other, kind) === inNamespace(pid, kind));
          assert.deepEqual(shared, [], `the ${kind} namespace of ${pid}`);
        }
        const twins = others.filter((other) => other !== pid && procStatus(other).get('Uid') === procStatus(pid).get('Uid'));
        assert.deepEqual(twins, [], 'nobody else has its uid');
      }
    });
  }

  test('the zygote, which is not sealed, looks different', async (t) => {
    const worker = await startWorker(t);
    const [zygote = 0] = children(worker.pid).filter(isZygote);
    assert.notEqual(procStatus(zygote).get('CapEff'), noCapability);
    assert.throws(() => assertSealed(zygote));
    assert.notEqual(readlinkSync(`/proc/${zygote}/ns/user`), readlinkSync('/proc/self/ns/user'), 'its power ends at its user namespace');
    assert.ok(Number(procStatus(zygote).get('Uid')?.split(/\s+/)[0]) >= 2_000_000_000);
    assert.equal(procStatus(zygote).get('CapBnd'), noCapability);
    assert.equal(procStatus(zygote).get('NoNewPrivs'), '1');
    assert.equal(procStatus(zygote).get('Seccomp'), '2');
  });
});
