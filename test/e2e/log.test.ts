// What lambdas write arrives in the worker's log, with the lambda and the request that wrote it.
import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { needsRoot, startWorker, suiteOwner, type Worker } from './worker.ts';

const writing = `import os, subprocess, sys, threading
def f(event):
  how = event["how"]
  text = event["text"]
  if how == "print": print(text)
  if how == "stderr": print(text, file=sys.stderr)
  if how == "unended": sys.stdout.write(text)
  if how == "device": open("/dev/stdout", "w").write(text + "\\n")
  if how == "os.write": os.write(1, (text + "\\n").encode())
  if how == "subprocess": subprocess.run(["/bin/echo", text])
  if how == "thread":
    t = threading.Thread(target=print, args=(text,))
    t.start()
    t.join()
  if how == "daemon": subprocess.Popen(["/bin/sh", "-c", "echo " + text], start_new_session=True).wait()
  if how == "last": os.write(2, text.encode()); os._exit(1)
  if how == "buffered": sys.stdout.write(text); sys.exit(1)
  if how == "raise":
    print(text)
    raise ValueError
  if how == "binary": os.write(1, b"\\xff\\xfe" + text.encode() + b"\\n")
  if how == "long": print(text * 4000)
  return how
`;

describe('the log', needsRoot, () => {
  const owner = suiteOwner();
  let worker: Worker;
  before(async () => {
    worker = await startWorker(owner, {
      lambdas: { writing, loading: 'print("loaded")\ndef f(event): return 1\n' },
      config: { limits: { procs: 30 } },
    });
  });
  /** Writes and waits for the line. */
  const written = async (how: string, expected: (id: string) => string = (id) => `text-${id}`) => {
    const id = `w-${how}`;
    await worker.call('writing', { how, text: `text-${id}` }, { headers: { 'x-request-id': id } });
    return worker.logged(({ requestId, msg, lambda }) => lambda === 'writing' && requestId === id && msg.includes(expected(id)));
  };

  test('whichever way it was written', async () => {
    for (const how of ['print', 'unended', 'device', 'os.write', 'subprocess', 'thread', 'daemon', 'raise']) {
      const { msg, stream, level } = await written(how);
      assert.deepEqual([msg, stream, level], [`text-w-${how}`, 'stdout', 30], how);
    }
    assert.equal((await written('stderr')).stream, 'stderr');
  });

  test('up to the last word of a sandbox that ends', async () => {
    assert.equal((await written('last')).stream, 'stderr');
    assert.equal((await written('buffered')).stream, 'stdout');
  });

  test('even when it is no text', async () => {
    assert.match((await written('binary')).msg, /^\ufffd\ufffdtext-w-binary$/);
  });

  test('a long line comes in pieces', async () => {
    await written('long');
    const whole = 'text-w-long'.repeat(4000);
    const pieces: string[] = [];
    await worker.logged(({ requestId, msg }) => {
      if (requestId === 'w-long') pieces.push(msg);
      return pieces.join('').length >= whole.length;
    });
    assert.ok(pieces.join('') === whole);
    assert.ok(pieces.every((piece) => piece.length <= 16 * 1024));
  });

  test('what is written while the code is loaded belongs to the first request', async () => {
    await worker.call('loading', {}, { headers: { 'x-request-id': 'first' } });
    await worker.call('loading', {}, { headers: { 'x-request-id': 'second' } });
    const { requestId } = await worker.logged(({ msg }) => msg === 'loaded');
    assert.equal(requestId, 'first');
  });

  test('lines of calls one after another do not mix', async () => {
    for (let i = 0; i < 50; i++) await worker.call('writing', { how: 'print', text: `n${i}` }, { headers: { 'x-request-id': `n${i}` } });
    await worker.logged(({ msg }) => msg === 'n49');
    for (const { msg, requestId } of worker.log.filter((entry) => /^n\d+$/.test(entry.msg))) assert.equal(requestId, msg);
  });

  test('what goes wrong is logged once under the request id, with what the caller is not told', async () => {
    await worker.call('writing', { how: 'last', text: 'x' }, { headers: { 'x-request-id': 'dies' } });
    const { level } = await worker.logged(({ requestId, msg }) => requestId === 'dies' && msg.includes('ended before it answered'));
    assert.equal(level, 40);
    await worker.call('writing', { how: 'print', text: 'after' }, { headers: { 'x-request-id': 'after' } });
    await worker.logged(({ requestId }) => requestId === 'after');
    assert.equal(worker.log.filter(({ requestId, stream }) => requestId === 'dies' && stream === undefined).length, 1);
  });
});
