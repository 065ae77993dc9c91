// `worker logs` against a process that holds the lock of a worker_dir, and a server on its socket, as a worker does.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import test, { type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';

const main = fileURLToPath(new URL('../../../src/cli/main.js', import.meta.url));

test('a line that is followed is shown as soon as it is sent, until the worker ends', async (t) => {
  const { dir, asked } = await worker(t);
  const logs = spawn(process.execPath, [main, 'logs', 'a.b', '-f', '-n', '5', '-p', dir], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [path, reply] = await asked;
  assert.equal(path, '/logs/a.b?n=5&follow=1');
  for (const line of ['first\n', 'second\n']) {
    reply.write(line);
    assert.equal(`${(await once(logs.stdout, 'data'))[0]}`, line);
  }
  const closed = once(logs, 'close');
  reply.end();
  assert.deepEqual(await closed, [0, null]);
});

test('what the worker refuses, and an end in the middle, are told', async (t) => {
  for (const [answer, words] of [
    [(reply: ServerResponse) => reply.writeHead(404).end('no such lambda\n'), /show the log of "x": no such lambda/],
    [(reply: ServerResponse) => reply.write('a line\n', () => reply.destroy()), /the worker has ended/],
  ] as const) {
    const { dir, asked } = await worker(t);
    const logs = spawn(process.execPath, [main, 'logs', 'x', '-p', dir], { stdio: ['ignore', 'ignore', 'pipe'] });
    const said = text(logs.stderr);
    const closed = once(logs, 'close');
    answer((await asked)[1]);
    assert.match(await said, words);
    assert.deepEqual(await closed, [1, null]);
  }
});

async function worker(t: TestContext): Promise<{ dir: string; asked: Promise<readonly [path: string, reply: ServerResponse]> }> {
  const dir = mkdtempSync(join(tmpdir(), 'logs-'));
  writeFileSync(join(dir, 'config.json'), JSON.stringify({ worker_dir: dir }));
  const lock = 'import fcntl,sys; f = open(sys.argv[1], "a"); fcntl.flock(f, fcntl.LOCK_EX); print("held", flush=True); sys.stdin.read()';
  const holder = spawn('python3', ['-c', lock, join(dir, 'lock')], { stdio: ['pipe', 'pipe', 'inherit'] });
  const server = createServer().listen(join(dir, 'ol.sock'));
  t.after(() => {
    holder.kill();
    server.close();
    rmSync(dir, { recursive: true });
  });
  await Promise.all([once(holder.stdout, 'data'), once(server, 'listening')]);
  const asked = once(server, 'request').then(([request, reply]) => [request.url as string, reply as ServerResponse] as const);
  return { dir, asked };
}
