import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { formatTraceparent, parseTraceparent, parseTracestate, TraceContexts } from '../../../src/observe/traceparent.ts';

const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';
const spanId = '00f067aa0ba902b7';
const parent = (sampled: boolean) => ({ traceId, spanId, sampled });

const parents: readonly (readonly [means: string, header: string, expected: ReturnType<typeof parseTraceparent>])[] = [
  ['a sampled parent is taken over', `00-${traceId}-${spanId}-01`, parent(true)],
  ['one that is not sampled, too', `00-${traceId}-${spanId}-00`, parent(false)],
  ['unknown flags are ignored', `00-${traceId}-${spanId}-fe`, parent(false)],
  ['the sampled flag is found among unknown ones', `00-${traceId}-${spanId}-ff`, parent(true)],
  ['a later version may have more fields', `cc-${traceId}-${spanId}-01-what-the-future-brings`, parent(true)],
  ['a later version may have no more', `01-${traceId}-${spanId}-01`, parent(true)],
  ['a later version separates what it adds', `cc-${traceId}-${spanId}-01.x`, undefined],
  ['version 00 has nothing behind the flags', `00-${traceId}-${spanId}-01-`, undefined],
  ['version ff is none', `ff-${traceId}-${spanId}-01`, undefined],
  ['a trace id of zeros is none', `00-${'0'.repeat(32)}-${spanId}-01`, undefined],
  ['a span id of zeros is none', `00-${traceId}-${'0'.repeat(16)}-01`, undefined],
  ['upper case is wrong', `00-${traceId.toUpperCase()}-${spanId}-01`, undefined],
  ['other letters are wrong', `00-${traceId.replace('4', 'g')}-${spanId}-01`, undefined],
  ['a short trace id is wrong', `00-${traceId.slice(1)}-${spanId}-01`, undefined],
  ['a long span id is wrong', `00-${traceId}-${spanId}0-01`, undefined],
  ['flags of one digit are wrong', `00-${traceId}-${spanId}-1`, undefined],
  ['blanks are wrong', ` 00-${traceId}-${spanId}-01`, undefined],
  ['two headers in one are wrong', `00-${traceId}-${spanId}-01,00-${traceId}-${spanId}-01`, undefined],
  ['a line break behind it is wrong', `00-${traceId}-${spanId}-01\n`, undefined],
  ['no header is no parent', '', undefined],
];

for (const [means, header, expected] of parents) {
  test(`traceparent: ${means}`, () => assert.deepEqual(parseTraceparent(header), expected));
}

const members = (count: number, length: number): string[] => Array.from({ length: count }, (_, i) => `k${i}=`.padEnd(length, 'v'));

const states: readonly (readonly [means: string, header: string, expected: string])[] = [
  ['one member is passed on', 'congo=t61rcWkgMzE', 'congo=t61rcWkgMzE'],
  ['their order is kept', 'rojo=00f067aa0ba902b7,congo=t61', 'rojo=00f067aa0ba902b7,congo=t61'],
  ['blanks around members go', ' a=1 \t,\tb=2 ', 'a=1,b=2'],
  ['blanks within a value stay', 'a=1 2', 'a=1 2'],
  ['empty members go', 'a=1,, ,b=2,', 'a=1,b=2'],
  ['keys may have a tenant', 'fw529a3039@dt=FfAAAA', 'fw529a3039@dt=FfAAAA'],
  ['a tenant may begin with a digit', '0fw@dt=1', '0fw@dt=1'],
  ['a key may not', '0fw=1', ''],
  ['a key twice is wrong', 'a=1,a=2', ''],
  ['upper case in a key is wrong', 'A=1', ''],
  ['a member without a value is wrong', 'a', ''],
  ['an empty value is wrong', 'a=', ''],
  ['a second = is wrong', 'a=b=c', ''],
  ['other than ASCII is wrong', 'a=\u00e9', ''],
  ['a control character is wrong', 'a=1\x002', ''],
  ['a value of 256 characters is right', `a=${'v'.repeat(256)}`, `a=${'v'.repeat(256)}`],
  ['one of 257 is wrong', `a=${'v'.repeat(257)}`, ''],
  ['a key of 256 characters is right', `${'k'.repeat(256)}=v`, `${'k'.repeat(256)}=v`],
  ['one of 257 is wrong, too', `${'k'.repeat(257)}=v`, ''],
  ['32 members are right', members(32, 6).join(','), members(32, 6).join(',')],
  ['33 are wrong', members(33, 6).join(','), ''],
  ['of a long one the last members go', members(12, 50).join(','), members(10, 50).join(',')],
  [
    'those over 128 characters go before',
    [...members(1, 200), 'z=1', ...members(5, 100).slice(1)].join(','),
    ['z=1', ...members(5, 100).slice(1)].join(','),
  ],
  ['none is none', '', ''],
];

for (const [means, header, expected] of states) {
  test(`tracestate: ${means}`, () => assert.equal(parseTracestate(header), expected));
}

const hex = (length: number) =>
  fc.string({ unit: fc.constantFrom(...'0123456789abcdef'), minLength: length, maxLength: length }).filter((id) => !/^0+$/.test(id));

test('what is formatted is what is parsed', () => {
  fc.assert(
    fc.property(hex(32), hex(16), fc.boolean(), (trace, span, sampled) => {
      const given = { traceId: trace, spanId: span, sampled };
      assert.deepEqual(parseTraceparent(formatTraceparent(given)), given);
    }),
  );
});

test('no text whatever makes the parsers throw, and what they take is well-formed', () => {
  const near = fc.tuple(fc.string(), hex(32), hex(16), fc.string()).map((parts) => parts.join('-'));
  fc.assert(
    fc.property(fc.oneof(fc.string({ unit: 'binary' }), near), (text) => {
      const taken = parseTraceparent(text);
      if (taken !== undefined) assert.ok(text.includes(`-${taken.traceId}-${taken.spanId}-`));
      const state = parseTracestate(text);
      assert.equal(parseTracestate(state), state);
      assert.ok(state.length <= 512);
    }),
  );
});

test('a child stays in the trace, under a span of its own', () => {
  const child = new TraceContexts().begin(parent(true), false);
  assert.deepEqual({ ...child, spanId: '' }, { traceId, spanId: '', parentSpanId: spanId, sampled: true });
  assert.notEqual(child.spanId, spanId);
  assert.match(formatTraceparent(child), new RegExp(`^00-${traceId}-[0-9a-f]{16}-01$`));
});

test('10,000 new traces have ids of their own, all well-formed', () => {
  const contexts = new TraceContexts();
  const ids = new Set<string>();
  for (let i = 0; i < 10_000; i++) {
    const begun = contexts.begin(undefined, i % 2 === 0);
    assert.deepEqual(parseTraceparent(formatTraceparent(begun)), begun);
    ids.add(begun.traceId).add(begun.spanId);
  }
  assert.equal(ids.size, 20_000);
});
