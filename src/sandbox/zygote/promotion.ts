// Policy: which lambda gets a zygote of its own, with its handler loaded. Pure, so that a simulator can use it unchanged.

export interface LambdaView {
  /** What loading its handler took the last time, ms. */
  readonly loadMs: number;
  /** When its sandboxes of late were started, ms; the last is now. */
  readonly starts: readonly number[];
  /** It had one, and that has ended by itself or could not be forked from. */
  readonly failed: boolean;
}

/** Loading that takes less than about ten forks is not worth a process that stays, ms. */
const worthMs = 20;
/** So many cold starts within this time, ms, are a pattern. */
const pattern = { starts: 2, ms: 60_000 } as const;

export function deservesZygote({ loadMs, starts, failed }: LambdaView): boolean {
  const now = starts.at(-1) ?? 0;
  return !failed && loadMs >= worthMs && starts.filter((at) => now - at <= pattern.ms).length >= pattern.starts;
}
