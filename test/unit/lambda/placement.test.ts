import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type LambdaView, type Placement, place } from '../../../src/lambda/placement.ts';
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
