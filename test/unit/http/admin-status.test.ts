// /status, and the Unix socket with what is there only.
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { Client } from 'undici';
import { WorkerError } from '../../../src/errors.ts';
import { Paths } from '../../../src/http/admin/paths.ts';
import { listenOnSocket } from '../../../src/http/admin/socket.ts';
import { status } from '../../../src/http/admin/status.ts';
import type { Handler } from '../../../src/http/engine.ts';
import { chooseEngine } from '../../../src/http/engines.ts';
import { serve } from './serving.ts';

const asker = (accept: string) => ({ requestId: 'r1', accept });

test('/status is ready or draining, as text or as JSON with details', async (t) => {
  let ready = true;
  const paths = new Paths({
    routes: [
      { path: '/status', who: 'anyone', GET: status({ ready: () => ready, details: () => ({ sandboxes: 3 }), own: () => ({ pid: 1 }) }) },
    ],
    access: (exchange) => (exchange.header('x-admin') === '' ? new WorkerError('admin-local') : undefined),
    onFault: () => assert.fail(),
  });
  const { url } = await serve(t, (exchange) => void paths.serve(exchange, asker(exchange.header('accept')), 'tcp'));
  const ask = async (accept: string) => {
    const reply = await fetch(`${url}/status`, { headers: { accept } });
    return [reply.status, await reply.text()];
  };
  for (const accept of ['*/*', 'text/html,*/*;q=0.8', 'application/json;q=0.1, text/plain'])
    assert.deepEqual(await ask(accept), [200, 'ready\n']);
  assert.deepEqual(await ask('application/json'), [200, '{"ready":true,"sandboxes":3}\n']);
  assert.deepEqual(await ask('text/plain;q=0.5, application/json'), [200, '{"ready":true,"sandboxes":3}\n']);
  const admin = await fetch(`${url}/status`, { headers: { accept: 'application/json', 'x-admin': '1' } });
  assert.deepEqual(await admin.json(), { ready: true, sandboxes: 3, pid: 1 });
  assert.equal((await fetch(`${url}/status`, { method: 'HEAD' })).headers.get('content-length'), '6');
  const post = await fetch(`${url}/status`, { method: 'POST' });
  assert.deepEqual([post.status, post.headers.get('allow')], [405, 'GET, HEAD']);
  ready = false;
  assert.deepEqual(await ask('*/*'), [503, 'draining\n']);
  assert.deepEqual(await ask('application/json'), [503, '{"ready":false,"sandboxes":3}\n']);
});

test('the socket takes the place of a dead one, is for its owner alone, and is gone when it is closed', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'admin-socket-'));
  t.after(() => rmSync(dir, { recursive: true }));
  const path = join(dir, 'ol.sock');
  writeFileSync(path, 'of a dead worker');
  const warnings: string[] = [];
  const listen = (where: string, handler: Handler) =>
    listenOnSocket(
      chooseEngine(() => assert.fail()),
      where,
      handler,
      (line) => warnings.push(line),
    );
  const listening = await listen(dir, (exchange) => exchange.reply(200, [], `${exchange.path} from "${exchange.client}"`));
  assert.equal(statSync(path).mode & 0o777, 0o600);
  const client = new Client('http://localhost', { socketPath: path });
  t.after(() => client.destroy());
  const { body } = await client.request({ method: 'GET', path: '/pid' });
  assert.equal(await body.text(), '/pid from ""');
  listening.closeAll();
  assert.throws(() => statSync(path), { code: 'ENOENT' });

  const long = join(dir, 'x'.repeat(100));
  mkdirSync(long);
  (await listen(long, () => assert.fail())).closeAll();
  assert.match(warnings.join(), /^no admin socket: its path ".*ol\.sock" is over 107 bytes \(choose a shorter worker_dir/);
});
