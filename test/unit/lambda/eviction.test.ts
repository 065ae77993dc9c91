import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Candidate, type EvictionName, evictionPolicies, victim } from '../../../src/lambda/eviction.ts';

const plain: Candidate = { standing: 'spare', bytes: 50 << 20, idleSince: 100, expiresAt: 1000, uses: 1, coldMs: 10, clock: 0 };
const old = { ...plain, idleSince: 1 };
const brief = { ...plain, expiresAt: 200 };
const popular = { ...plain, uses: 1000, idleSince: 1 };
const dear = { ...plain, coldMs: 5000 };
const large = { ...plain, bytes: 500 << 20 };
const surplus = { ...plain, standing: 'surplus', idleSince: 999 } as const;
const kept = { ...plain, standing: 'kept', idleSince: 0 } as const;

const table: readonly (readonly [policy: EvictionName, means: string, candidates: readonly Candidate[], first: number])[] = [
  ['lru', 'who has been idle longest', [plain, old, brief], 1],
  ['ttl', 'who would end first', [plain, old, brief], 2],
  ['gdsf', 'who is used least for its size', [popular, plain, dear], 1],
  ['gdsf', 'who is large, of those used alike', [plain, large], 1],
  [
    'gdsf',
    'who was last used long ago, by the clock of what was evicted',
    [
      { ...plain, clock: 5 },
      { ...popular, clock: 0, uses: 2 },
    ],
    1,
  ],
  ['lru', 'more than its lambda needs, before anything else', [old, surplus], 1],
  ['lru', 'what is promised to a lambda last', [kept, plain], 1],
  ['lru', 'what is promised, when there is nothing else', [kept], 0],
  ['lru', 'nobody', [], -1],
];

for (const [policy, means, candidates, first] of table) {
  test(`${policy} evicts ${means}`, () => assert.equal(victim(candidates, evictionPolicies[policy], 'call'), first));
}

test('what is promised to one lambda does not go for the promise to another', () => {
  assert.equal(victim([kept], evictionPolicies.lru, 'minimum'), -1);
});

test('under a trace of one popular and many rare lambdas, gdsf keeps the popular one, lru does not', () => {
  const coldStarts = (name: EvictionName): number => {
    const cached = new Map<string, Candidate>();
    let [cold, clock] = [0, 0];
    for (let now = 0; now < 300; now++) {
      // The popular one some times, then every fifth time, in between others that come only once; there is room for three.
      const lambda = now % 5 === 0 || now < 5 ? 'popular' : `rare-${now}`;
      const known = cached.get(lambda);
      if (known === undefined && lambda === 'popular') cold++;
      if (known === undefined && cached.size === 3) {
        const all = [...cached];
        const gone =
          all[
            victim(
              all.map(([, c]) => c),
              evictionPolicies[name],
              'call',
            )
          ];
        assert.ok(gone);
        clock = Math.max(clock, evictionPolicies[name](gone[1]));
        cached.delete(gone[0]);
      }
      cached.set(lambda, { ...plain, idleSince: now, uses: (known?.uses ?? 0) + 1, clock });
    }
    return cold;
  };
  assert.deepEqual([coldStarts('gdsf'), coldStarts('lru') > 50], [1, true]);
});
