// Containers for which there is no room on this machine.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { WorkerError } from '../../../../src/errors.ts';
import { Boxes } from '../../../../src/sandbox/docker/boxes.ts';
import { Containers } from '../../../../src/sandbox/docker/containers.ts';
import { KindSource } from '../../../../src/sandbox/docker/kinds.ts';
import { Maker, type Uids } from '../../../../src/sandbox/docker/maker.ts';
import { Pool } from '../../../../src/sandbox/docker/pool.ts';
import { fakeEngine } from './fake-engine.ts';

const limits = { memoryBytes: 0, swapBytes: 0, processes: 1, cpuPercent: 1, tmpBytes: 0 };
const nothing = { spec: undefined, takesCode: true, onReady: () => {}, onStarted: () => {}, onGone: () => {} };
const kind = new KindSource(() => assert.fail('nothing is asked of the engine'));

async function makerOf(t: TestContext, uids: Pick<Uids, 'take' | 'give'>): Promise<Maker> {
  const dir = mkdtempSync(join(tmpdir(), 'maker-'));
  t.after(() => rmSync(dir, { recursive: true }));
  const boxes = new Boxes(join(dir, 'boxes'));
  rmSync(join(dir, 'boxes'), { recursive: true });
  writeFileSync(join(dir, 'boxes'), 'in the way');
  const containers = new Containers(await fakeEngine(t, () => assert.fail('nothing is asked of the engine')), dir);
  return new Maker({ containers, boxes, uids: { ...uids, close: () => {} }, limits, runtime: '', onLost: () => {}, log: () => {} });
}

test('a container for which no directory can be made fails to start, and its uid goes back', async (t) => {
  const given: number[] = [];
  const maker = await makerOf(t, { take: () => 7, give: (uid) => void given.push(uid) });
  assert.throws(
    () => maker.make(kind, nothing),
    (error: unknown) => error instanceof WorkerError && error.code === 'start-failed' && /ENOTDIR|EEXIST/.test(`${error.cause}`),
  );
  assert.deepEqual([given, maker.live.size], [[7], 0]);
});

const none: readonly (readonly [what: string, take: () => number | undefined, told: RegExp])[] = [
  ['no uid', () => undefined, /no uid left/],
  ['no directory', () => 7, /ENOTDIR|EEXIST/],
];
for (const [what, take, told] of none) {
  test(`a standby for which there is ${what} is told of, and tried again later`, async (t) => {
    const maker = await makerOf(t, { take, give: () => {} });
    const [text, cause] = await new Promise<[string, unknown]>((resolve) => {
      const log = (_: 'warn', ...said: [string, unknown]): void => resolve(said);
      const pool = new Pool({ maker, kind, takesCode: true, standbys: { least: 1, most: 1 }, mayWait: () => true, log });
      t.after(() => pool.retire());
      pool.refill();
    });
    assert.match(text, /make a standby container, trying again in 1 s/);
    assert.match(`${cause}`, told);
  });
}
