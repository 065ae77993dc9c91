// The program of native lambdas' sandboxes: what a run finds, how calls end early, what cannot be run.
import assert from 'node:assert/strict';
import { closeSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { flag, type as frame, type Leaf } from './leaf-rig.ts';
import { lambda, options } from './native-rig.ts';

test('the environment: of the sandbox, of the lambda over it, of the request', options, async (t) => {
  const { leaf } = lambda(t, 'env', { SOCK_STANDBY: '1', SOCK_BORN: '7', LANG: 'C' });
  assert.equal((await leaf.next())?.type, frame.ready);
  const environment = {
    LANG: 'xx',
    QUOTES: 'a "b" \\ c',
    UNICODE: 'ä€😀\u2028',
    TABS: '\t\b\f',
    EMPTY: '',
    JSON: '{"x":[1,"}"]}',
  };
  leaf.send(frame.setup, 0, JSON.stringify({ concurrency: 1, environment, entry: { file: 'f.bin' } }));
  const head = {
    id: 'r-1',
    method: 'PUT',
    root: '/run/x',
    path: '/a%20b',
    query: 'q=1&r=2',
    client: '::1',
    deadline: 12345,
    headers: [['x-a', '1, "2"']],
  };
  const lines = (await leaf.ask(1, '', head)).text.split('\n');
  for (const line of [
    'LANG=xx',
    'HOME=/tmp',
    'QUOTES=a "b" \\ c',
    'UNICODE=ä€😀\u2028',
    'EMPTY=',
    'JSON={"x":[1,"}"]}',
    'SOCK_REQUEST_ID=r-1',
    'SOCK_METHOD=PUT',
    'SOCK_ROOT=/run/x',
    'SOCK_PATH=/a%20b',
    'SOCK_QUERY=q=1&r=2',
    'SOCK_CLIENT=::1',
    'SOCK_DEADLINE=12345',
    'SOCK_HEADERS=[["x-a","1, \\"2\\""]]',
  ])
    assert.ok(lines.includes(line), `${line} in ${lines.join('; ')}`);
  assert.deepEqual(
    lines.filter((line) => /^(LANG=C|SOCK_STANDBY|SOCK_BORN|SOCK_SEALED)/.test(line)),
    [],
  );
  const second = (await leaf.ask(2)).text;
  assert.match(second, /^SOCK_REQUEST_ID=id-2$/m);
  assert.doesNotMatch(second, /SOCK_PATH/, 'nothing of the request before');
});

test('an environment that is too large is an error', options, async (t) => {
  const { leaf } = lambda(t, 'echo x');
  leaf.send(frame.setup, 0, JSON.stringify({ environment: { LARGE: 'x'.repeat(200_000) } }));
  assert.match((await leaf.ask(1)).text, /^execute .*f\.bin: the environment is too large$/);
});

test('a call that nobody waits for ends its program and all that belongs to it', options, async (t) => {
  const { leaf } = lambda(t, 'if [ "$1" = wait ]; then sleep 1000 & echo $$ $! >&2; wait; else echo next; fi');
  leaf.begin(1, 'wait');
  await leaf.stderr.has('\n');
  leaf.send(frame.cancel, 1);
  const end = await leaf.next();
  assert.deepEqual([end?.type, end?.flags], [frame.end, 0]);
  for (const pid of leaf.stderr.text.split(/\s/).filter(Boolean)) assert.equal(runs(pid), false, pid);
  leaf.send(frame.cancel, 1); // late, as may be
  leaf.grant(1, 5);
  assert.equal((await leaf.ask(2)).text, 'next\n');
});

test('a call that is cancelled while its body comes is ended without a program', options, async (t) => {
  const { leaf } = lambda(t, 'echo started >&2; echo next');
  leaf.begin(1, 'some', {}, 0);
  leaf.send(frame.cancel, 1);
  assert.equal((await leaf.reply(1)).text, '');
  assert.equal(leaf.stderr.text, '');
  leaf.send(frame.body, 1, 'late', flag.last);
  assert.equal((await leaf.ask(2)).text, 'next\n');
});

test('what a program leaves behind is gone before its reply is complete', options, async (t) => {
  const { leaf } = lambda(t, 'sleep 1000 & sleep 1001 > /dev/null 2>&1 & echo $!');
  const { text } = await leaf.ask(1);
  assert.equal(runs(text.trim()), false);
});

test('load-only looks whether the program could be run', options, async (t) => {
  const load = async (leaf: Leaf): Promise<unknown> => {
    leaf.begin(1, '', {}, flag.last | flag.loadOnly);
    const { status, error, text } = await leaf.reply(1);
    return { status, error, text: text.replace(/\/.*\//, '') };
  };
  const good = lambda(t, 'echo ran >&2');
  assert.deepEqual(await load(good.leaf), { status: 200, error: undefined, text: '' });
  assert.equal((await good.leaf.ask(2)).text, '');
  assert.equal(good.leaf.stderr.text, 'ran\n', 'and did not run it');
  const missing = lambda(t, '');
  rmSync(join(missing.dir, 'f.bin'));
  const none = 'execute f.bin: there is no such file (of a script: or not the interpreter that it names)';
  assert.deepEqual(await load(missing.leaf), { status: 500, error: 'handler-raised', text: none });
  assert.match((await missing.leaf.ask(2)).text, /there is no such file/);
  if (process.getuid?.() === 0) return; // who may execute everything
  const plain = lambda(t, '', {}, 0o644);
  assert.match(JSON.stringify(await load(plain.leaf)), /chmod \+x/);
});

test('a program of another machine is an error that says so', options, async (t) => {
  const { leaf, dir } = lambda(t, '');
  writeFileSync(join(dir, 'f.bin'), Buffer.from([1, 2, 3, 4]), { mode: 0o755 });
  assert.match((await leaf.ask(1)).text, /it is no program of this machine/);
});

test('a program that is being written is an error with its errno', options, async (t) => {
  const { leaf, dir } = lambda(t, '');
  const fd = openSync(join(dir, 'f.bin'), 'a');
  t.after(() => closeSync(fd));
  assert.match((await leaf.ask(1)).text, /errno 26$/);
});

test('times: of the sandbox with the first reply, of the call with each', options, async (t) => {
  const { leaf } = lambda(t, 'true', { SOCK_BORN: '123', SOCK_SEALED: '456' });
  const before = process.hrtime.bigint();
  const [born, sealed, received = 0n, loaded = 0n, handled = 0n] = (await leaf.ask(1)).timing;
  assert.deepEqual([born, sealed], [123n, 456n]);
  assert.ok(before < received && received < loaded && loaded < handled && handled < process.hrtime.bigint());
  assert.deepEqual((await leaf.ask(2)).timing.slice(0, 2), [0n, 0n]);
});

test('it ends with its channel', options, async (t) => {
  const { leaf } = lambda(t, 'true');
  await leaf.ask(1);
  leaf.hangUp();
  assert.deepEqual(await leaf.ended, [0, null]);
});

function runs(pid: string): boolean {
  try {
    process.kill(Number(pid), 0);
    return true;
  } catch {
    return false;
  }
}
