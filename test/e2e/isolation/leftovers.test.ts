// A slot is used again: nothing of the lambda that had it may be there for the next one.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { needsRoot, startWorker, type Worker } from '../worker.ts';
import { callCold, source } from './attempts.ts';

type Found = Readonly<Record<string, readonly string[]>>;
interface Look {
  readonly uid: number;
  readonly found: Found;
}

const empty: Found = { files: [], ipc: [], queue: [], processes: [], sockets: [], labels: [], counters: [] };
const everything = ['files', 'ipc', 'queue', 'processes', 'sockets', 'counters'];

/** Starts sandboxes of `lambda`, one after the other, until one has the slot of `uid`; its first look around. */
async function inSlot(worker: Worker, uid: number, start: 'standby' | 'forked'): Promise<Found> {
  for (let tries = 0; tries < 200; tries++) {
    const look = (await callCold(worker, 'next', { do: 'look' }, start)).json<Look>();
    await worker.call('next', { do: 'die' }, { start: 'warm' });
    if (look.uid === uid) return look.found;
  }
  assert.fail('the slot was never used again');
}

for (const start of ['standby', 'forked'] as const) {
  for (const [how, kinds] of Object.entries({ leave: everything, quiet: ['counters'] })) {
    describe(`a ${start} sandbox in a used slot`, needsRoot, () => {
      test(`finds nothing that its forerunner has left (${how}: ${kinds.join(', ')})`, async (t) => {
        const worker = await startWorker(t, {
          lambdas: { first: source('leftovers'), next: source('leftovers') },
          config: { standbys: 1, max_standbys: 1 }, // no further one keeps the slot
        });
        const fresh = (await callCold(worker, 'first', { do: 'look' }, 'forked')).json<Look>();
        assert.deepEqual(fresh.found, empty, 'a slot that nobody had');
        const left = (await worker.call('first', { do: how }, { start: 'warm' })).json<{ found: string[] }>();
        assert.deepEqual(
          left.found.filter((step) => step !== 'flow_label'),
          [],
          'all could be left, save where there is no IPv6',
        );
        // The control: as long as the sandbox lives, the same look finds it.
        const { found } = (await worker.call('first', { do: 'look' }, { start: 'warm' })).json<Look>();
        for (const kind of kinds) assert.notDeepEqual(found[kind], [], kind);
        if (left.found.length === 0) assert.equal(found.labels?.length, 1, 'the flow label is there after its socket is closed');

        assert.equal((await worker.call('first', { do: 'die' }, { start: 'warm' })).status, 502);
        assert.deepEqual(await inSlot(worker, fresh.uid, start), empty);
      });
    });
  }
}
