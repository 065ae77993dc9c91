// The kinds of values that keys take, in config.json and ol.yaml. The message of each is only the expectation ("a whole number …");
// problems.ts adds the key and the value.
import { z } from 'zod';

export const day = 86_400_000;

export function whole(least: number, most: number, unit = '') {
  const expectation = `a whole number${unit === '' ? '' : ` of ${unit}`} from ${least} to ${most}`;
  return z.int(expectation).min(least, expectation).max(most, expectation);
}

export function positive(most: number, unit: string) {
  const expectation = `a number of ${unit} above 0, at most ${most}`;
  return z.number(expectation).positive(expectation).max(most, expectation);
}

export function truth() {
  return z.boolean('true or false');
}

export function text(expectation: string) {
  return z.string(expectation).min(1, expectation);
}

/** What a sandbox may use: the same in both files. */
export const sandboxLimits = {
  procs: whole(1, 32_768),
  mem_mb: whole(8, 1 << 20, 'MB'),
  cpu_percent: whole(1, 100_000, 'percent'),
  swappiness: whole(0, 100),
  runtime_sec: positive(86_400, 'seconds'),
  tmp_mb: whole(1, 1 << 20, 'MB'),
  queue: whole(0, 1_000_000),
  body_mb: positive(1 << 20, 'MB'),
};
