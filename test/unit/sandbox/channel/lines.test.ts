import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Lines } from '../../../../src/sandbox/channel/lines.ts';

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

test('what is printed faster than a thousand lines a second is dropped after a while, and told', () => {
  const out: string[] = [];
  let now = 0;
  const cutter = new Lines(
    (line) => out.push(line),
    () => now,
  );
  cutter.write(Buffer.alloc(65_536, '\n'));
  cutter.write(Buffer.alloc(65_536, '\n'));
  assert.equal(out.length, 10_000);
  now += 1000;
  cutter.write(Buffer.from('again\n'));
  assert.deepEqual(out.slice(10_000), [`(${2 * 65_536 - 10_000} bytes of output are missing here: there was too much of it)`, 'again']);
});

test('what is dropped at the end of a request is told with it', () => {
  const out: string[] = [];
  const cutter = new Lines(
    (line) => out.push(line),
    () => 0,
  );
  for (let i = 0; i < 1000; i++) cutter.write(Buffer.alloc(16 * 1024, 'x'));
  cutter.flush();
  assert.ok(out.length < 700, 'long lines cost more than short ones');
  assert.match(out.at(-1) ?? '', /^\(\d+ bytes of output are missing here/);
});
