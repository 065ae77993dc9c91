import assert from 'node:assert/strict';
import { test } from 'node:test';
import { expires, type FleetView, type LambdaView, type Placement, place, standing, wanted } from '../../../src/lambda/placement.ts';
import type { StartClass } from '../../../src/sandbox/sandbox.ts';

const empty: LambdaView = { idle: { warm: false, thawed: false }, instances: 0, maxInstances: 4, queued: 0, maxQueue: 2 };
const warm: LambdaView = { ...empty, idle: { warm: true, thawed: false }, instances: 1 };
const frozen: LambdaView = { ...empty, idle: { warm: false, thawed: true }, instances: 1 };
const both: LambdaView = { ...empty, idle: { warm: true, thawed: true }, instances: 2 };
const full: LambdaView = { ...empty, instances: 4 };
const start = (otherwise: 'queue' | 'refuse'): Placement => ({ at: 'start', cold: undefined, otherwise });

const table: readonly (readonly [means: string, view: LambdaView, force: StartClass | undefined, expected: Placement])[] = [
  ['the first call starts an instance', empty, undefined, start('queue')],
  ['a warm instance is used', warm, undefined, { at: 'use', idle: 'warm' }],
  ['a frozen instance is used before one is started', frozen, undefined, { at: 'use', idle: 'thawed' }],
  ['a warm instance is used before a frozen one', both, undefined, { at: 'use', idle: 'warm' }],
  ['a call beside busy instances starts another', { ...empty, instances: 3 }, undefined, start('queue')],
  ['a call waits when the lambda has all its instances', full, undefined, { at: 'queue' }],
  ['a call waits behind those that wait already', { ...full, queued: 1 }, undefined, { at: 'queue' }],
  ['a call does not overtake one that waits, even when an instance is idle', { ...warm, queued: 1 }, undefined, { at: 'queue' }],
  ['a call is refused when the queue is full', { ...full, queued: 2 }, undefined, { at: 'refuse' }],
  ['a queue of length 0 refuses at once', { ...full, maxQueue: 0 }, undefined, { at: 'refuse' }],
  ['a call that could start but may not wait is refused when there is no room', { ...empty, maxQueue: 0 }, undefined, start('refuse')],
  ['warm is met', warm, 'warm', { at: 'use', idle: 'warm' }],
  ['warm is not met by a frozen instance', frozen, 'warm', { at: 'unmet' }],
  ['thawed is met', frozen, 'thawed', { at: 'use', idle: 'thawed' }],
  ['thawed is met beside a warm instance', both, 'thawed', { at: 'use', idle: 'thawed' }],
  ['thawed is not met by a warm instance', warm, 'thawed', { at: 'unmet' }],
  ['nothing idle meets neither', empty, 'warm', { at: 'unmet' }],
  ['a cold class starts although a warm instance is there', warm, 'forked', { at: 'start', cold: 'forked', otherwise: 'unmet' }],
  ['a cold class starts although calls wait', { ...empty, queued: 1 }, 'standby', { at: 'start', cold: 'standby', otherwise: 'unmet' }],
  ['a cold class is unmet when the lambda has all its instances', full, 'spawned', { at: 'unmet' }],
];

for (const [means, view, force, expected] of table) {
  test(means, () => assert.deepEqual(place(view, force), expected));
}

const fleet: FleetView = { instances: 2, queued: 0, min: 0, max: 4 };
const wants: readonly (readonly [means: string, view: FleetView, expected: 'call' | 'minimum' | undefined])[] = [
  ['nothing is wanted without calls that wait and without a minimum', fleet, undefined],
  ['a call that waits wants an instance', { ...fleet, queued: 1 }, 'call'],
  ['not beyond the most', { ...fleet, queued: 1, instances: 4 }, undefined],
  ['the minimum is wanted', { ...fleet, min: 3 }, 'minimum'],
  ['a call comes before the minimum', { ...fleet, min: 3, queued: 1 }, 'call'],
  ['no more than the minimum', { ...fleet, min: 2 }, undefined],
];
for (const [means, view, expected] of wants) test(means, () => assert.equal(wanted(view), expected));

test('an instance expires only beyond the minimum', () => {
  assert.deepEqual(
    [expires({ instances: 2, min: 1 }), expires({ instances: 1, min: 1 }), expires({ instances: 1, min: 0 })],
    [true, false, true],
  );
});

const standings = [
  ['more than was needed of late', { instances: 3, min: 0, needed: 2 }, 'surplus'],
  ['as many as were needed', { instances: 2, min: 0, needed: 2 }, 'spare'],
  ['the minimum, needed or not', { instances: 2, min: 2, needed: 0 }, 'kept'],
  ['beyond the minimum and beyond the need', { instances: 3, min: 2, needed: 1 }, 'surplus'],
] as const;
for (const [means, view, expected] of standings)
  test(`an idle instance of ${means} is ${expected}`, () => assert.equal(standing(view), expected));
