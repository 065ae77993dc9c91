// What is only true of containers: how they start, what confines them, what is left of them, and an engine that goes.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import { echo, who } from '../lambdas.ts';
import { startWorker, suiteOwner, type Worker, type WorkerOptions } from '../worker.ts';
import { type DockerEngine, dockerEngine, type Listed, needsDocker, standby } from './engine.ts';

/** Tells what it finds around it. */
const look = `import os
def f(event):
  status = dict(line.split(":\\t", 1) for line in open("/proc/self/status") if ":\\t" in line)
  def refused(what):
    try:
      what()
    except OSError as error:
      return error.strerror
    return "done"
  return {
    "status": {key: status[key].strip() for key in ("CapEff", "CapBnd", "NoNewPrivs", "Seccomp")},
    "uid": os.getuid(), "gid": os.getgid(), "groups": os.getgroups(),
    "root": refused(lambda: open("/x", "w")),
    "handler": refused(lambda: open("/handler/x", "w")),
    "line": refused(lambda: open("/line/x", "w")),
    "runtime": refused(lambda: open("/runtime/x", "w")),
    "own": [refused(lambda: open(f"{at}/x", "w")) for at in ("/tmp", "/host", "/dev/shm")],
    "tmpBytes": (lambda s: s.f_frsize * s.f_blocks)(os.statvfs("/tmp")),
    "network": sorted(os.listdir("/sys/class/net")),
    "engine": [path for path in ("/run/docker.sock", "/var/run/docker.sock") if os.path.exists(path)],
    "files": sorted(os.path.join(at, name) for at, _, names in os.walk("/handler") for name in names),
  }
`;

describe('containers', needsDocker, () => {
  const owner = suiteOwner();
  const config = {
    standbys: 1,
    max_standbys: 1,
    freeze_after_ms: 600_000,
    keep_warm_ms: 600_000,
    limits: { mem_mb: 64, procs: 20, tmp_mb: 8, cpu_percent: 50 },
  };
  let engine: DockerEngine;
  let worker: Worker;
  const started = (options: WorkerOptions, more: object = {}): Promise<Worker> =>
    startWorker(owner, { ...options, config: { ...config, ...more, sandbox: 'docker', docker: { socket: engine.socket } } });

  before(async () => {
    engine = await dockerEngine();
    worker = await started({ lambdas: { echo, who, look } });
    const [node, native] = [join(worker.registry, 'script'), join(worker.registry, 'program')];
    for (const dir of [node, native]) mkdirSync(dir);
    writeFileSync(join(node, 'index.mjs'), 'export default async (event) => ({ node: process.version, event });\n');
    writeFileSync(join(native, 'f.bin'), '#!/bin/sh\necho "{\\"body\\": $1}"\n', { mode: 0o755 });
  });

  test('a standby answers, and where there is none a container is started; nothing is forked', async () => {
    await standby(worker);
    const taken = await worker.call('who', {}, { start: 'standby' });
    assert.deepEqual([taken.status, taken.headers['x-start-class']], [200, 'standby']);
    const spawned = await worker.call('who', {}, { start: 'spawned' });
    assert.deepEqual([spawned.status, spawned.headers['x-start-class']], [200, 'spawned']);
    assert.match(`${spawned.headers['server-timing']}`, /create;dur=.*start;dur=.*boot;dur=.*load;dur=.*handler;dur=/);
    const forked = await worker.call('who', {}, { start: 'forked' });
    assert.deepEqual([forked.status, forked.json<{ error: { code: string } }>().error.code], [409, 'force-start-unmet']);
    assert.equal((await worker.call('who', {}, { start: 'warm' })).json<{ calls: number }>().calls, 2);
  });

  test('a lambda finds its code and may do nothing that it should not, in a standby and in a container of its own', async () => {
    for (const start of ['standby', 'spawned'] as const) {
      if (start === 'standby') await standby(worker);
      const found = (await worker.call('look', {}, { start })).json<Record<string, unknown>>();
      const none = '0000000000000000';
      assert.deepEqual(found.status, { CapEff: none, CapBnd: none, NoNewPrivs: '1', Seccomp: '2' });
      assert.ok(Number(found.uid) >= 2_000_000_000 && found.uid === found.gid, `${found.uid}`);
      assert.deepEqual(found.groups, [found.gid]);
      for (const at of ['root', 'handler', 'line', 'runtime']) assert.equal(found[at], 'Read-only file system', at);
      assert.deepEqual([found.own, found.tmpBytes], [['done', 'done', 'done'], 8 << 20]);
      assert.deepEqual([found.network, found.engine, found.files], [['lo'], [], ['/handler/f.py']]);
    }
  });

  test('the engine holds a container to its limits', async () => {
    await worker.call('echo', {}, { start: 'spawned' });
    const [listed] = await engine.containers('sock-worker.lambda=echo');
    const { HostConfig } = await engine.ask<{ HostConfig: Record<string, unknown> }>('GET', `/containers/${listed?.Id}/json`);
    const { Memory, MemorySwap, PidsLimit, CpuQuota, CpuPeriod, NetworkMode, ReadonlyRootfs, CapDrop } = HostConfig;
    assert.deepEqual([Memory, MemorySwap, PidsLimit, Number(CpuQuota) / Number(CpuPeriod)], [64 << 20, 64 << 20, 20, 0.5]);
    assert.deepEqual([NetworkMode, ReadonlyRootfs, CapDrop], ['none', true, ['ALL']]);
    assert.deepEqual(await worker.status().then(({ limitsNotEnforced }) => limitsNotEnforced), []);
  });

  test('/debug tells how much memory a container uses', async () => {
    await worker.call('echo', {});
    assert.match(
      (await worker.call('', undefined, { path: '/debug', method: 'GET' })).text,
      /LAMBDA echo:[^\n]*\n +SANDBOX \d+: .*[1-9][\d.]* MiB used/,
    );
  });

  test('Node and native lambdas run, from the start and from a standby', async () => {
    for (const start of ['spawned', 'standby'] as const) {
      if (start === 'standby') for (let looks = 0; !(await waiting(worker, ['node', 'native'])); looks++) assert.ok(looks < 20_000);
      const script = await worker.call('script', { a: 1 }, { start });
      assert.deepEqual(script.json(), { node: process.version, event: { a: 1 } });
      assert.deepEqual((await worker.call('program', { b: 2 }, { start })).json(), { body: { b: 2 } });
    }
  });

  test('an idle container is paused, and nothing of it is left when the worker stops', async () => {
    const other = await started({ lambdas: { echo } }, { standbys: 0, max_standbys: 0, freeze_after_ms: 0 });
    const its = (): Promise<readonly Listed[]> =>
      engine.containers(`sock-worker.worker=${createHash('sha256').update(other.workerDir).digest('hex').slice(0, 12)}`);
    await other.call('echo', {});
    for (let looks = 0; (await its())[0]?.State !== 'paused'; looks++) assert.ok(looks < 5000, JSON.stringify(await its()));
    assert.deepEqual((await other.call('echo', { a: 1 })).json(), { a: 1 });
    assert.equal(await other.stop(), 0);
    assert.deepEqual(await its(), []);
    assert.deepEqual(readdirSync(join(other.workerDir, 'docker/boxes')), []);
  });
});

async function waiting(worker: Worker, runtimes: readonly string[]): Promise<boolean> {
  const status = await worker.status<{ runtimes: Record<string, { standbys: number } | undefined> }>();
  return runtimes.every((name) => (status.runtimes[name]?.standbys ?? 0) > 0);
}
