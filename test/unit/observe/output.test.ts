import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Output, type OutputLine, type OutputOptions } from '../../../src/observe/output.ts';

const printed = (line: string, more: Partial<OutputLine> = {}): OutputLine => ({
  time: 1,
  stream: 'stdout',
  requestId: 'r-1',
  line,
  ...more,
});

/** What is kept of `lambda` after all of `all` was printed, as `lambda line`. */
function kept(options: OutputOptions, all: readonly string[], lambda: string): readonly string[] {
  const output = new Output(options);
  for (const text of all) {
    const [who = '', line = ''] = text.split(' ');
    output.add(who, printed(line));
  }
  return output.tail(lambda).map(({ line }) => line);
}

const long = 'x'.repeat(1000); // costs about 2150

const table: readonly (readonly [means: string, options: OutputOptions, all: readonly string[], expected: readonly string[]])[] = [
  ['lines are kept in their order', {}, ['a 1', 'a 2', 'a 3'], ['1', '2', '3']],
  ['each lambda has its own', {}, ['a 1', 'b 2'], ['1']],
  ['the last ones are kept', { lines: 2 }, ['a 1', 'a 2', 'a 3'], ['2', '3']],
  ['a lambda that prints much loses its own lines', { bytesEach: 4400 }, ['a 1', `a ${long}`, `a ${long}`], [long, long]],
  ['a line alone is kept although it is too long', { bytesEach: 100 }, ['a 1', `a ${long}`], [long]],
  ['over all, whoever printed longest ago loses everything', { bytes: 4400 }, ['a 1', `b ${long}`, `c ${long}`], []],
  ['whoever printed since keeps what it has', { bytes: 4400 }, ['a 1', `b ${long}`, 'a 2', `c ${long}`], ['1', '2']],
  ['whoever prints now is not the one', { bytes: 100 }, ['b 1', `a ${long}`], [long]],
  ['nobody who never printed has a line', {}, ['b 1'], []],
];

for (const [means, options, all, expected] of table) test(means, () => assert.deepEqual(kept(options, all, 'a'), expected));

test('as many lines are shown as are asked for, with all that is known of them', () => {
  const output = new Output();
  for (const line of ['1', '2', '3']) output.add('a', printed(line, { stream: 'stderr', requestId: undefined, time: 7 }));
  assert.deepEqual(output.tail('a', 1), [{ time: 7, stream: 'stderr', requestId: undefined, line: '3' }]);
  assert.deepEqual(output.tail('a', 0), []);
  assert.equal(output.tail('a', 10).length, 3);
});

test('a follower gets each line from then on, until it stops', () => {
  const output = new Output();
  const seen: string[] = [];
  output.add('a', printed('before'));
  const stop = output.follow('a', ({ line }) => seen.push(line));
  output.add('a', printed('1'));
  output.add('b', printed('of another'));
  output.add('a', printed('2'));
  stop();
  stop();
  output.add('a', printed('after'));
  assert.deepEqual(seen, ['1', '2']);
});

test('followers come and go one by one', () => {
  const output = new Output();
  const seen: string[] = [];
  const follow = (): (() => void) => output.follow('a', ({ line }) => seen.push(line));
  const [first, second] = [follow(), follow()];
  output.add('a', printed('both'));
  first();
  output.add('a', printed('one'));
  second();
  const third = follow();
  first();
  output.add('a', printed('anew'));
  third();
  assert.deepEqual(seen, ['both', 'both', 'one', 'anew']);
});

test('a follower may stop at a line', () => {
  const output = new Output();
  const seen: string[] = [];
  const stop = output.follow('a', ({ line }) => {
    seen.push(line);
    stop();
  });
  for (const line of ['1', '2']) output.add('a', printed(line));
  assert.deepEqual(seen, ['1']);
});

test('a short line does not keep the long text that it was cut from', () => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const used = (): number => {
    collect();
    return process.memoryUsage().heapUsed;
  };
  const output = new Output({ lines: 1000 });
  const before = used();
  for (let i = 0; i < 400; i++) output.add('a', printed(`${i}`.padEnd(1 << 18, 'x').slice(0, 20)));
  const grown = used() - before;
  assert.equal(output.tail('a', 1000).length, 400);
  assert.ok(grown < 10 << 20, `${grown} bytes for 400 lines, which were cut from 100 MB`);
});
