// Policy: whose idle instance goes when the node has no room for another. Pure, so that a simulator can use it unchanged.

/** What is known of the instance that a lambda would give up next: the one that has been idle longest. Times are milliseconds of one clock. */
export interface Candidate {
  readonly standing: Standing;
  /** Memory that it counts for. */
  readonly bytes: number;
  readonly idleSince: number;
  /** When it would end by itself. */
  readonly expiresAt: number;
  /** Calls of its lambda since that has had instances without a break. */
  readonly uses: number;
  /** What starting one takes, ms, as measured. */
  readonly coldMs: number;
  /** What the room's clock showed at its last use: the worth of what had been evicted last. */
  readonly clock: number;
}

/** `surplus`: more than its lambda has needed of late. `kept`: its lambda would have less than it is promised; goes when nothing else can. */
export type Standing = 'surplus' | 'spare' | 'kept';

/** What keeping it is worth, to be compared with others under the same policy: whoever is worth least goes first. */
export type EvictionPolicy = (candidate: Candidate) => number;

export type EvictionName = 'lru' | 'ttl' | 'gdsf';

const mib = 1 << 20;

export const evictionPolicies: Readonly<Record<EvictionName, EvictionPolicy>> = {
  /** Who has been idle longest. */
  lru: ({ idleSince }) => idleSince,
  /** Who would end first anyway. */
  ttl: ({ expiresAt }) => expiresAt,
  /**
   * Greedy-dual-size-frequency (Cherkasova 1998; for functions Fuerst and Sharma, "FaasCache", ASPLOS 2021): how often it is used times what it costs to
   * have it again, for each MB that it holds. The clock ages those that were worth much once.
   */
  gdsf: ({ clock, uses, coldMs, bytes }) => clock + (uses * coldMs) / (bytes / mib),
};

/** Index of whoever goes first, -1 when there is nobody. What is promised to a lambda goes only for the sake of calls. */
export function victim(candidates: readonly Candidate[], policy: EvictionPolicy, sake: 'call' | 'minimum'): number {
  let first = -1;
  candidates.forEach((candidate, at) => {
    if (sake === 'minimum' && candidate.standing === 'kept') return;
    const before = candidates[first];
    if (before === undefined || goesBefore(candidate, before, policy)) first = at;
  });
  return first;
}

const order: readonly Standing[] = ['surplus', 'spare', 'kept'];

function goesBefore(a: Candidate, b: Candidate, policy: EvictionPolicy): boolean {
  const standing = order.indexOf(a.standing) - order.indexOf(b.standing);
  return standing !== 0 ? standing < 0 : policy(a) < policy(b);
}
