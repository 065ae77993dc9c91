import assert from 'node:assert/strict';
import test from 'node:test';
import { normalised } from '../../../src/cli/argv.ts';

const cases: readonly (readonly [what: string, given: readonly string[], expected: readonly string[]])[] = [
  ['nothing is nothing', [], []],
  ["OpenLambda's first word goes", ['worker', 'up', '-d'], ['up', '-d']],
  ['alone it asks for help, and starts nothing', ['worker'], ['--help']],
  ['only the first word is it', ['new', 'worker'], ['new', 'worker']],
  ['admin stays', ['admin', 'install', 'worker'], ['admin', 'install', 'worker']],
  ['-p=DIR is two words', ['up', '-p=a=b', '-o', 'worker_port=0'], ['up', '-p', 'a=b', '-o', 'worker_port=0']],
  ['a long option has its own way with =', ['run', '--config=x'], ['run', '--config=x']],
  ['what follows -- is no option', ['new', '--', '-p=x'], ['new', '--', '-p=x']],
];
for (const [what, given, expected] of cases) test(what, () => assert.deepEqual(normalised(given), expected));
