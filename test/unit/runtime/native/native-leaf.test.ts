// The program of native lambdas' sandboxes: what goes into a run, and what of it is the reply.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { flag, type as frame, windowBytes } from './leaf-rig.ts';
import { lambda, options } from './native-rig.ts';

test('the body is argv[1] and standard input, what is printed is the reply', options, async (t) => {
  const { leaf } = lambda(t, 'printf "%s %s|" $# "$1"; cat');
  const reply = await leaf.ask(1, '{"x": "ä b"}');
  assert.equal(reply.text, '1 {"x": "ä b"}|{"x": "ä b"}');
  assert.equal(reply.status, 200);
  assert.deepEqual(reply.headers, { 'content-type': 'text/plain; charset=utf-8' });
  assert.equal((await leaf.ask(2)).text, '1 |', 'an empty body is an empty argument');
});

test('bytes that are no text are sent as such', options, async (t) => {
  const { leaf } = lambda(t, String.raw`printf 'a\001b'`);
  const reply = await leaf.ask(1);
  assert.deepEqual(reply.headers, { 'content-type': 'application/octet-stream' });
  assert.deepEqual([...reply.body], [97, 1, 98]);
});

test('a body that cannot be an argument is none, and comes whole over standard input', options, async (t) => {
  const { leaf } = lambda(t, 'printf "%s " $#; sha256sum');
  let number = 0;
  for (const size of [131_071, 131_072, windowBytes, windowBytes + 1, 3_000_001]) {
    const body = Buffer.alloc(size, 'some text. ');
    const sum = createHash('sha256').update(body).digest('hex');
    assert.equal((await leaf.ask(++number, body)).text, `${size <= 131_071 ? 1 : 0} ${sum}  -\n`, `${size} bytes`);
  }
  const sum = createHash('sha256').update('a\0b').digest('hex');
  assert.equal((await leaf.ask(++number, 'a\0b')).text, `0 ${sum}  -\n`, 'with a NUL');
});

test('a body in several frames is put together', options, async (t) => {
  const { leaf } = lambda(t, 'printf "%s|" "$1"; cat');
  leaf.begin(1, 'one ', {}, 0);
  leaf.send(frame.body, 1, 'two ');
  leaf.send(frame.body, 1, '', flag.last);
  assert.equal((await leaf.reply(1)).text, 'one two |one two ');
});

test('a body that nobody reads holds nothing up', options, async (t) => {
  const { leaf } = lambda(t, 'echo done');
  assert.equal((await leaf.ask(1, Buffer.alloc(2_000_000, 'x'))).text, 'done\n');
  const closing = lambda(t, 'exec <&-; sleep 0.05; echo done');
  assert.equal((await closing.leaf.ask(1, Buffer.alloc(2_000_000, 'x'))).text, 'done\n');
});

test('the result file is the reply, and what was printed is the log', options, async (t) => {
  const { leaf } = lambda(t, 'echo noise; echo more noise >&2; printf \'{"a":1}\' > $OUT');
  assert.equal((await leaf.ask(1)).text, '{"a":1}');
  await Promise.all([leaf.stdout.has('noise\n'), leaf.stderr.has('more noise\n')]);
});

test('no run sees the result of the one before', options, async (t) => {
  const { leaf } = lambda(t, '[ "$1" = write ] && echo old > $OUT; [ "$1" = write ] || echo "printed"; exit 0');
  assert.equal((await leaf.ask(1, 'write')).text, 'old\n');
  assert.equal((await leaf.ask(2, 'print')).text, 'printed\n');
});

test('a result file longer than a window is streamed under it', options, async (t) => {
  const { leaf } = lambda(t, 'head -c 1000003 /dev/zero | tr "\\0" x > $OUT');
  const reply = await leaf.ask(1);
  assert.equal(reply.body.length, 1_000_003);
  assert.ok(reply.pieces >= 3);
});

for (const [what, script] of Object.entries({
  'a link': 'ln -s /etc/passwd $OUT',
  'a link to nowhere': 'ln -s /none/such $OUT',
  'a pipe': 'mkfifo $OUT',
  'an empty directory': 'mkdir $OUT',
  'a directory with files': 'mkdir $OUT && touch $OUT/a',
  'a device': 'ln -s /dev/zero $OUT',
}))
  test(`${what} in the place of the result is no result, and does not outlast its run`, options, async (t) => {
    const { leaf } = lambda(t, `[ "$1" = bad ] && { ${script}; echo printed; exit 0; }; rm -rf $OUT; echo good > $OUT`);
    assert.equal((await leaf.ask(1, 'bad')).text, 'printed\n');
    assert.equal((await leaf.ask(2)).text, 'good\n');
  });

test('a result of any length takes no more memory than a window, and ends with its call', options, async (t) => {
  const { leaf } = lambda(t, '[ "$1" = huge ] && { truncate -s 8E $OUT 2>/dev/null || truncate -s 1T $OUT; exit 0; }; echo small');
  leaf.begin(1, 'huge');
  assert.equal((await leaf.next())?.type, frame.reply);
  let got = 0;
  while (got < windowBytes) got += (await leaf.next())?.payload.length ?? 0;
  assert.equal(got, windowBytes);
  leaf.send(frame.cancel, 1);
  const end = await leaf.next();
  assert.deepEqual([end?.type, end?.flags], [frame.end, 0]);
  assert.equal((await leaf.ask(2)).text, 'small\n');
});

test('a program that fails is an error with its exit code and the last that it said', options, async (t) => {
  const { leaf } = lambda(t, 'echo ignored > $OUT; echo printed; echo why >&2; exit 3');
  const reply = await leaf.ask(1);
  assert.deepEqual([reply.status, reply.error, reply.text], [500, 'handler-raised', 'Function failed with error_code: 3\nwhy\n']);
  await Promise.all([leaf.stdout.has('printed\n'), leaf.stderr.has('why\n')]);
});

test('of a long standard error the last 4 KiB are told, whole characters, and all of it is logged', options, async (t) => {
  const { leaf } = lambda(t, 'i=0; while [ $i -lt 3000 ]; do printf "äöü" >&2; i=$((i+1)); done; printf x >&2; exit 1');
  const { text } = await leaf.ask(1);
  const said = text.slice(text.indexOf('\n') + 1);
  assert.match(said, /^[äöü]{2047}x$/);
  await leaf.stderr.has('x');
  assert.equal(leaf.stderr.text, `${'äöü'.repeat(3000)}x`);
});

test('a program that a signal ends is an error that names it', options, async (t) => {
  const { leaf } = lambda(t, 'kill -SEGV $$');
  assert.equal((await leaf.ask(1)).text, 'Function failed with signal: 11');
});

test('a long output is streamed under the window: no more is read of the program than the reader takes', options, async (t) => {
  const { leaf } = lambda(t, 'head -c 3000000 /dev/zero | tr "\\0" y; echo ignored > $OUT');
  leaf.begin(1, '');
  assert.equal((await leaf.next())?.type, frame.reply);
  let got = 0;
  while (got < windowBytes) got += (await leaf.next())?.payload.length ?? 0;
  assert.equal(got, windowBytes, 'without a word from the reader');
  leaf.grant(1, got);
  const reply = await leaf.reply(1);
  assert.equal(got + reply.body.length, 3_000_000);
  assert.equal(reply.broken, false);
});

test('a program that fails in the middle of its output leaves a reply that is not complete', options, async (t) => {
  const { leaf } = lambda(t, 'head -c 600000 /dev/zero; exit 1');
  const reply = await leaf.ask(1);
  assert.deepEqual([reply.broken, reply.body.length, reply.status], [true, 600_000, 200]);
});

test('with SOCK_STREAM=1 output is sent as it comes', options, async (t) => {
  const { leaf, dir } = lambda(t, 'echo first; read line < $DIR/pipe; echo $line');
  execFileSync('mkfifo', [join(dir, 'pipe')]);
  leaf.send(frame.setup, 0, JSON.stringify({ environment: { SOCK_STREAM: '1' } }));
  leaf.begin(1, '');
  assert.equal((await leaf.next())?.type, frame.reply);
  assert.equal((await leaf.next())?.payload.toString(), 'first\n');
  writeFileSync(join(dir, 'pipe'), 'second\n');
  assert.equal((await leaf.reply(1)).text, 'second\n');
});
