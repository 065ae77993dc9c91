import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Room, type Tenant } from '../../../src/lambda/room.ts';

/** A tenant that leaves at once when it is evicted, as an instance does. */
function tenant(room: Room): Tenant & { evicted: boolean } {
  return {
    evicted: false,
    evict() {
      this.evicted = true;
      room.busy(this);
      room.free();
    },
  };
}

test('a room gives as many places as it has', () => {
  const room = new Room(2);
  assert.deepEqual([room.take(), room.take(), room.take()], [true, true, false]);
  assert.equal(room.available, false);
  room.free();
  assert.equal(room.available, true);
  assert.equal(room.take(), true);
  assert.deepEqual(room.counts, { taken: 2, most: 2, idle: 0, evictions: 0 });
});

test('no tenant is evicted while there is a free place', () => {
  const room = new Room(2);
  const idle = tenant(room);
  room.take();
  room.idle(idle);
  assert.equal(room.take(), true);
  assert.equal(idle.evicted, false);
});

test('the longest idle tenant is evicted first, a busy one never', () => {
  const room = new Room(3);
  const [first, second, third] = [tenant(room), tenant(room), tenant(room)];
  for (const t of [first, second, third]) {
    room.take();
    room.idle(t);
  }
  room.busy(first);
  assert.equal(room.take(), true);
  assert.deepEqual([first.evicted, second.evicted, third.evicted], [false, true, false]);
  assert.equal(room.counts.evictions, 1);
  assert.equal(room.take(), true);
  assert.equal(room.take(), false);
  assert.deepEqual([first.evicted, third.evicted], [false, true]);
});

test('a tenant that was busy in between is the youngest of the idle ones', () => {
  const room = new Room(2);
  const [first, second] = [tenant(room), tenant(room)];
  for (const t of [first, second]) {
    room.take();
    room.idle(t);
  }
  room.busy(first);
  room.idle(first);
  room.take();
  assert.deepEqual([first.evicted, second.evicted], [false, true]);
});

test('who waits is told once, in turn, when a place is free or a tenant idle', () => {
  const room = new Room(1);
  room.take();
  const told: string[] = [];
  const waiter = (name: string) => () => {
    told.push(name);
    room.take();
  };
  room.wait(waiter('first'));
  room.wait(waiter('second'));
  room.free();
  assert.deepEqual(told, ['first']);
  room.idle(tenant(room));
  assert.deepEqual(told, ['first', 'second']);
  room.free();
  assert.deepEqual(told, ['first', 'second']);
});

test('a waiter that wants nothing any more does not use up the turn of the next', () => {
  const room = new Room(1);
  room.take();
  let got = false;
  room.wait(() => {});
  room.wait(() => {
    got = room.take();
  });
  room.free();
  assert.equal(got, true);
});

test('a place made by an eviction goes to whom it was made for, not to the next that waits', () => {
  const room = new Room(1);
  room.take();
  const idle = tenant(room);
  const got = { first: false, second: false };
  const first = () => {
    got.first = room.take();
  };
  const second = (): void => {
    if (room.available) got.second = room.take();
    else room.wait(second);
  };
  room.wait(first);
  room.wait(second);
  room.idle(idle);
  assert.equal(idle.evicted, true);
  assert.deepEqual(got, { first: true, second: false });
  room.free();
  assert.deepEqual(got, { first: true, second: true });
});
