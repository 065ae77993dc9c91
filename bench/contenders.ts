// The baselines that several cases measure themselves against.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { baseline, python, runtimeDirectory, type Setting } from './case.ts';
import { Helper } from './helper.ts';
import type { Contender } from './interleave.ts';
import { lambda } from './worker.ts';

/** The zygote without isolation (baseline/bare_fork.py): to be asked for `one` or `many COUNT WIDTH`. */
export function bareForkHelper(setting: Setting): Helper {
  const directory = join(setting.directory, 'handler');
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, 'f.py'), lambda.source);
  return setting.own(new Helper([python, '-I', baseline('bare_fork.py'), runtimeDirectory, directory, lambda.body, lambda.expected]));
}

export function bareFork(setting: Setting): Contender {
  const helper = bareForkHelper(setting);
  return { name: 'bare fork', sample: () => helper.times('one') };
}

/** A program started and waited for, again and again, by baseline/launch.c: `argv` is that, the program and its arguments. */
export function launched(setting: Setting, name: string, argv: readonly string[]): Contender {
  const [program = '', ...args] = argv;
  const helper = setting.own(new Helper([program, ...args]));
  return { name, sample: () => helper.times('') };
}
