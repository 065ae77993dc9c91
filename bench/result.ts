// What a case hands back: raw samples by name, targets, and what else is to be told. Plain data, since it crosses a process and goes into a file.

export type Unit = 'us' | 'per second' | 'MB per second' | 'MB' | '%' | 'count';

export interface Series {
  readonly name: string;
  readonly unit: Unit;
  readonly samples: readonly number[];
}

/** A value that was aimed at: `value` has to be at most, or at least, `limit`. */
export interface Target {
  readonly text: string;
  readonly value: number;
  readonly sense: 'at most' | 'at least';
  readonly limit: number;
}

export interface CaseResult {
  readonly series: readonly Series[];
  /** The series whose median the others' are compared with. */
  readonly baseline: string | undefined;
  readonly targets: readonly Target[];
  /** What is no series: what was not measured and why, phases, which programs were used. */
  readonly notes: readonly string[];
}

export function met(target: Target): boolean {
  return target.sense === 'at most' ? target.value <= target.limit : target.value >= target.limit;
}
