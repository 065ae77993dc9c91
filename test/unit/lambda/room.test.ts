import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as immediate } from 'node:timers/promises';
import { type Candidate, evictionPolicies } from '../../../src/lambda/eviction.ts';
import { Room, type Tenant, type Wish } from '../../../src/lambda/room.ts';

const one: Wish = { sake: 'call', bytes: 1 };

/** A lambda of instances of one byte, in words: what it was granted and what it gave up. */
class FakeTenant implements Tenant {
  readonly #room: Room;
  wish: Wish | undefined;
  held = 0;
  granted = 0;
  evicted = 0;
  /** When each of its idle instances became so. */
  readonly idle: number[] = [];

  constructor(room: Room) {
    this.#room = room;
  }

  take(): boolean {
    const taken = this.#room.take(this, one);
    if (taken) this.held++;
    return taken;
  }

  wait(): void {
    this.wish = one;
    this.#room.join(this);
  }

  free(): void {
    this.held--;
    this.#room.free(this, 1);
  }

  rest(since: number): void {
    this.idle.push(since);
    this.#room.serveLine();
  }

  idleBytes(): number {
    return this.idle.length;
  }

  offer(): Candidate | undefined {
    const [idleSince] = this.idle;
    if (idleSince === undefined) return undefined;
    return { standing: 'spare', bytes: 1, idleSince, expiresAt: idleSince + 1000, uses: 1, coldMs: 1, clock: 0 };
  }

  evict(): void {
    this.idle.shift();
    this.evicted++;
    this.free();
  }

  grant(): void {
    this.wish = undefined;
    this.held++;
    this.granted++;
  }
}

function rig(most: number, tenants: number): { room: Room; all: FakeTenant[] } {
  const room = new Room(most, evictionPolicies.lru);
  return { room, all: Array.from({ length: tenants }, () => new FakeTenant(room)) };
}

test('a room gives as much as it has', () => {
  const { room, all } = rig(2, 1);
  const [a] = all as [FakeTenant];
  assert.deepEqual([a.take(), a.take(), a.take()], [true, true, false]);
  a.free();
  assert.equal(a.take(), true);
  assert.deepEqual(room.counts, { takenBytes: 2, mostBytes: 2, waiting: 0, evictions: 0 });
});

test('who has been idle longest goes first, whoever works never', () => {
  const { room, all } = rig(3, 3);
  const [a, b, c] = all as [FakeTenant, FakeTenant, FakeTenant];
  for (const tenant of all) tenant.take();
  b.rest(2);
  c.rest(1);
  assert.equal(a.take(), true);
  assert.deepEqual([a.evicted, b.evicted, c.evicted], [0, 0, 1]);
  assert.equal(a.take(), true);
  assert.equal(a.take(), false);
  assert.deepEqual([b.evicted, room.counts.evictions], [1, 2]);
});

test('nobody is evicted while there is room', () => {
  const { all } = rig(2, 2);
  const [a, b] = all as [FakeTenant, FakeTenant];
  a.take();
  a.rest(1);
  assert.equal(b.take(), true);
  assert.equal(a.evicted, 0);
});

test('of those that wait, who holds least has the first turn, then who came first; each is served once', () => {
  const { room, all } = rig(2, 4);
  const [a, b, c, d] = all as [FakeTenant, FakeTenant, FakeTenant, FakeTenant];
  a.take();
  b.take();
  for (const tenant of [a, c, d]) tenant.wait();
  b.free();
  assert.deepEqual([a.granted, c.granted, d.granted], [0, 1, 0]);
  c.free();
  assert.deepEqual([a.granted, d.granted, room.counts.waiting], [0, 1, 1]);
  d.free();
  assert.deepEqual([a.granted, room.counts.waiting], [1, 0]);
});

test('a newcomer does not overtake those that wait and hold as little', () => {
  const { all } = rig(1, 3);
  const [a, b, c] = all as [FakeTenant, FakeTenant, FakeTenant];
  a.take();
  b.wait();
  a.rest(1);
  assert.deepEqual([a.evicted, b.granted, c.take()], [1, 1, false]);
});

test('a lambda with a flood ends an instance for one that has none and waits, but not at once, and not when nobody waits', () => {
  const { room, all } = rig(2, 2);
  const [flood, light] = all as [FakeTenant, FakeTenant];
  flood.take();
  flood.take();
  const old = { bytes: 1, ageMs: 1000 };
  assert.equal(room.claims(flood, old), false);
  light.wait();
  assert.deepEqual([room.claims(flood, { bytes: 1, ageMs: 1 }), room.claims(flood, old)], [false, true]);
  room.expect(1);
  assert.equal(room.claims(flood, old), false, 'one is enough');
  room.expect(-1);
  flood.free();
  assert.deepEqual([light.granted, room.claims(flood, old)], [1, false]);
});

test('when one cannot make use of his turn, the next one gets his', async () => {
  const { room, all } = rig(1, 3);
  const [a, broken, next] = all as [FakeTenant, FakeTenant, FakeTenant];
  a.take();
  broken.wait();
  next.wait();
  broken.grant = () => {
    broken.wish = undefined;
    broken.held++;
    throw new Error('no use for it');
  };
  assert.throws(() => a.free(), /no use for it/);
  broken.free();
  assert.deepEqual([next.granted, room.counts.waiting], [1, 0]);
});

test('the others need no event to get their turn after one who could not make use of his', async () => {
  const { room, all } = rig(3, 4);
  const [a, broken, next, last] = all as [FakeTenant, FakeTenant, FakeTenant, FakeTenant];
  for (let held = 0; held < 3; held++) a.take();
  for (const tenant of [broken, next, last]) tenant.wait();
  broken.grant = () => {
    broken.wish = undefined;
    throw new Error('no use for it');
  };
  a.idle.push(1, 2, 3);
  assert.throws(() => room.serveLine(), /no use for it/);
  await immediate();
  assert.deepEqual([next.granted, last.granted, room.counts.waiting], [1, 1, 0]);
});

test('a lambda that cannot end what it has offered keeps nobody from his turn for ever', () => {
  const { room, all } = rig(1, 2);
  const [broken, waits] = all as [FakeTenant, FakeTenant];
  broken.take();
  broken.rest(1);
  broken.evict = () => {
    throw new Error('it does not end');
  };
  assert.throws(() => waits.take(), /it does not end/);
  waits.wait();
  broken.idle.length = 0;
  broken.free();
  assert.deepEqual([waits.granted, room.counts], [1, { takenBytes: 1, mostBytes: 1, waiting: 0, evictions: 1 }]);
});

test('who is first in line takes what there is, and need not wait for a turn', () => {
  const { all } = rig(2, 2);
  const [a, b] = all as [FakeTenant, FakeTenant];
  a.wait();
  b.wait();
  assert.deepEqual([b.take(), a.take()], [false, true]);
});
