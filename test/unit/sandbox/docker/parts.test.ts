import assert from 'node:assert/strict';
import { test } from 'node:test';
import { partsOf } from '../../../../src/sandbox/docker/parts.ts';
import { fakeSocket } from './fake-engine.ts';

for (const [option, closed] of [
  ['name=seccomp', 0],
  ['name=userns', 1],
  ['name=rootless', 1],
] as const) {
  test(`an engine with ${option} ${closed === 0 ? 'runs containers as users of the worker' : 'has no use for uids, and they go back'}`, async (t) => {
    const answers: Readonly<Record<string, object>> = {
      '/info': { SecurityOptions: [option] },
      '/images/base/json': { Config: {} },
    };
    const socket = await fakeSocket(t, ({ url = '' }, answer) => answer(200, answers[url] ?? []));
    let closes = 0;
    const uids = { take: () => 7, give: () => {}, close: () => void closes++ };
    const { engine, uids: used } = await partsOf({
      ...{ socket, baseImage: 'base', runtime: '', workerDir: '/none', strict: false, standbys: { least: 0, most: 0 }, uids },
      limits: { memoryBytes: 0, swapBytes: 0, processes: 1, cpuPercent: 1, tmpBytes: 0 },
      credentials: () => undefined,
      log: () => {},
    });
    await engine.close();
    assert.deepEqual([closes, used.take(1)], [closed, closed === 0 ? 7 : 65_534]);
  });
}
