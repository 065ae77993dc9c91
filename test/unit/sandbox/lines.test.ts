import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Lines } from '../../../src/sandbox/sock/lines.ts';

/** What comes out of the writes, with a flush at the end. */
function lines(...writes: readonly (string | Buffer)[]): string[] {
  const out: string[] = [];
  const cutter = new Lines((line) => out.push(line));
  for (const bytes of writes) cutter.write(Buffer.from(bytes));
  cutter.flush();
  return out;
}

const long = 'x'.repeat(16 * 1024);
const euro = Buffer.from('€');

const table: readonly (readonly [means: string, writes: readonly (string | Buffer)[], expected: readonly string[]])[] = [
  ['nothing is no line', [''], []],
  ['a line comes without its newline', ['a\n'], ['a']],
  ['several lines in one write', ['a\nb\n'], ['a', 'b']],
  ['one line in several writes', ['a', 'b', 'c\n'], ['abc']],
  ['an empty line is a line', ['\na\n\n'], ['', 'a', '']],
  ['what has no newline becomes a line at the end', ['a\nb'], ['a', 'b']],
  ['a character cut in two is put together', [euro.subarray(0, 1), euro.subarray(1), '\n'], ['€']],
  ['a carriage return is kept', ['a\r\n'], ['a\r']],
  ['what is no UTF-8 is replaced', [Buffer.from([0xff, 0x0a])], ['\ufffd']],
  ['a line over 16 Ki is cut', [`${long}yz\n`], [long, 'yz']],
  ['a line of exactly 16 Ki is not', [`${long}\n`], [long]],
  ['a line without end is told in pieces', [long, long, 'z'], [long, long, 'z']],
];

for (const [means, writes, expected] of table) {
  test(means, () => assert.deepEqual(lines(...writes), expected));
}

test('memory stays bounded while no newline comes', () => {
  const out: string[] = [];
  const cutter = new Lines((line) => out.push(line));
  for (let i = 0; i < 100; i++) cutter.write(Buffer.alloc(1000, 'x'));
  assert.ok(out.length >= 5);
  assert.ok(out.every((line) => line.length <= 16 * 1024));
});
