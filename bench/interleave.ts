// Contenders take turns within one run, so that whatever the machine does meanwhile meets all of them alike. Only ratios within a run count.
import type { Series, Unit } from './result.ts';

export interface Contender {
  readonly name: string;
  /** Measures once, or a few times in a row; checks the answer it gets and throws when it is wrong. */
  sample(): Promise<readonly number[]>;
}

export interface Turns {
  readonly rounds: number;
  /** Rounds before those, thrown away. */
  readonly warmUp: number;
  readonly unit: Unit;
  /** Before every sample, whosever it is: waits until nothing else is going on. */
  settle?(): Promise<void>;
}

/** Who begins rotates, so that nobody always comes after the same other one. */
export async function interleave(contenders: readonly Contender[], turns: Turns): Promise<Series[]> {
  const samples = contenders.map(() => [] as number[]);
  for (let round = -turns.warmUp; round < turns.rounds; round++) {
    for (let i = 0; i < contenders.length; i++) {
      const at = (i + round + turns.warmUp) % contenders.length;
      await turns.settle?.();
      const got = await contenders[at]?.sample();
      if (round >= 0) samples[at]?.push(...(got ?? []));
    }
  }
  return contenders.map(({ name }, i) => ({ name, unit: turns.unit, samples: samples[i] ?? [] }));
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
