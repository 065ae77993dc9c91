import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { edges, Histogram } from '../../../src/observe/histogram.ts';

const of = (...values: number[]): Histogram => {
  const histogram = new Histogram();
  for (const value of values) histogram.add(value);
  return histogram;
};

test('edges rise by less than 10.5 %, from 10 us to 100 s, with 1, 2 and 5 of each decade as they are written', () => {
  assert.equal(edges[0], 0.01);
  assert.equal(edges.at(-1), 100_000);
  for (let i = 1; i < edges.length; i++) {
    const growth = (edges[i] ?? 0) / (edges[i - 1] ?? 1);
    assert.ok(growth > 1 && growth < 1.105, `${edges[i - 1]} to ${edges[i]}`);
  }
  for (const round of [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 50_000])
    assert.ok(edges.includes(round), `${round}`);
});

test('a value is in the bucket whose upper edge is the first that it does not pass', () => {
  fc.assert(
    fc.property(fc.oneof(fc.double({ min: 0, max: 200_000, noNaN: true }), fc.constantFrom(...edges)), (value) => {
      const expected = edges.findIndex((edge) => value <= edge);
      assert.equal(of(value).counts.indexOf(1), expected < 0 ? edges.length : expected);
    }),
  );
});

test('percentiles are within 5 % of the exact ones, from 10 us to 100 s', () => {
  const log = fc.double({ min: -2, max: 5, noNaN: true }).map((exponent) => 10 ** exponent);
  fc.assert(
    fc.property(fc.array(log, { minLength: 1, maxLength: 300 }), fc.constantFrom(0, 0.5, 0.9, 0.99, 1), (values, q) => {
      const sorted = values.toSorted((a, b) => a - b);
      const exact = sorted[Math.max(0, Math.ceil(q * values.length) - 1)] ?? 0;
      const told = of(...values).quantile(q);
      assert.ok(Math.abs(told - exact) <= exact * 0.05, `${told} for ${exact}`);
    }),
  );
});

test('sum, count and greatest are exact', () => {
  const { sum, count, max } = of(0.5, 3, 1.25);
  assert.deepEqual([sum, count, max], [4.75, 3, 3]);
});

test('beyond the last edge a percentile is the greatest value seen', () => assert.equal(of(1, 500_000).quantile(0.99), 500_000));

test('without a value there is no percentile but 0', () => assert.equal(new Histogram().quantile(0.5), 0));

for (const odd of [Number.NaN, -1, Number.NEGATIVE_INFINITY]) {
  test(`${odd} ms count as none`, () => {
    const { sum, count, max, counts } = of(odd);
    assert.deepEqual([sum, count, max, counts[0]], [0, 1, 0, 1]);
  });
}

test('folding counts what both have counted', () => {
  const values = fc.array(fc.integer({ min: 0, max: 200_000 }));
  fc.assert(
    fc.property(values, values, (a, b) => {
      const folded = of(...a);
      folded.fold(of(...b));
      assert.deepEqual(folded, of(...a, ...b));
    }),
  );
});
