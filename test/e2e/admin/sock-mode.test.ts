// server_mode: sock, as a client of OpenLambda's server of that name drives it, and as one calls what was made.
import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import { tarGz } from '../../unit/registry/archives.ts';
import { inside } from '../traces.ts';
import { needsRoot, startWorker, suiteOwner, type Worker } from '../worker.ts';

const counts = `import time
calls = 0
def f(event):
  global calls
  calls += 1
  print("call", calls, flush=True)
  if isinstance(event, dict): time.sleep(event.get("s", 0))
  return calls
`;

describe('server_mode: sock', needsRoot, () => {
  const owner = suiteOwner();
  let worker: Worker;
  before(async () => {
    worker = await startWorker(owner, { config: { server_mode: 'sock', mem_pool_mb: 250, limits: { runtime_sec: 2, queue: 1 } } });
  });
  const post = (path: string, event?: unknown, signal?: AbortSignal) => worker.call('', event, { path, ...(signal && { signal }) });
  const directory = (name: string, files: Readonly<Record<string, string>>): string => {
    const dir = join(worker.dir, name);
    mkdirSync(dir, { recursive: true });
    for (const [file, content] of Object.entries(files)) {
      writeFileSync(join(dir, file), content);
      chmodSync(join(dir, file), 0o755);
    }
    chmodSync(worker.dir, 0o755);
    return dir;
  };
  const archive = (name: string, bytes: Uint8Array): string => {
    const path = join(worker.dir, `${name}.tar.gz`);
    writeFileSync(path, bytes);
    return path;
  };
  const create = async (more: object = {}) => {
    const reply = await post('/create', { code: directory('counts', { 'f.py': counts }), ...more });
    assert.equal(reply.status, 200, reply.text);
    assert.match(reply.text, /^\d+\n$/);
    return reply.text.trim();
  };

  test('a sandbox is made, called, paused, called again, and destroyed', async () => {
    const id = await create({ leaf: true, parent: '', pkgs: [] });
    const first = await post(`/run/${id}`, {});
    assert.deepEqual([first.text, first.headers['x-start-class']], ['1', 'warm']);
    assert.equal((await post(`/pause/${id}`)).status, 200);
    assert.match(
      (await worker.call('', undefined, { method: 'GET', path: '/debug' })).text,
      new RegExp(`^SANDBOX ${id}: paused, .* 1 in all, .* s old, \\d+\\.\\d MiB used$`, 'm'),
    );
    assert.match((await worker.call('', undefined, { method: 'GET', path: '/metrics' })).text, /^sock_sandboxes\{state="frozen"\} 1$/m);
    assert.equal((await post(`/run/${id}`, {})).status, 409);
    assert.equal((await post(`/unpause/${id}`)).status, 200);
    assert.equal((await post(`/run/${id}`, {})).text, '2');
    assert.equal((await worker.call('', undefined, { method: 'GET', path: `/logs/${id}` })).text.match(/: call \d/g)?.length, 2);
    assert.equal((await worker.status()).instances, 1);
    assert.equal((await post(`/destroy/${id}`)).status, 200);
    assert.equal((await worker.status()).instances, 0);
    for (const path of ['run', 'pause', 'unpause', 'destroy']) assert.equal((await post(`/${path}/${id}`)).status, 404, path);
    const stats = (await worker.call('', undefined, { method: 'GET', path: '/stats' })).json<Record<string, number>>();
    for (const name of ['Create()', 'Pause()', 'Unpause()', 'Destroy()']) assert.ok((stats[`${name}.cnt`] ?? 0) >= 1, name);
  });

  test('each has its own state, also of the same code', async () => {
    const [one, other] = [await create(), await create()];
    await post(`/run/${one}`, {});
    assert.deepEqual([(await post(`/run/${one}`, {})).text, (await post(`/run/${other}`, {})).text], ['2', '1']);
    for (const id of [one, other]) await post(`/destroy/${id}`);
  });

  test('calls of one wait for each other, as many as may', async () => {
    const id = await create();
    const first = post(`/run/${id}`, { s: 0.5 });
    await worker.logged(({ lambda, msg }) => lambda === id && msg === 'call 1');
    const more = await Promise.all([post(`/run/${id}`, {}), post(`/run/${id}`, {})]);
    assert.equal((await first).text, '1');
    assert.deepEqual(more.map(({ status }) => status).sort(), [200, 429]);
    await post(`/destroy/${id}`);
  });

  test('a call over its time is cancelled, and so is one whose client is gone; the sandbox goes on', async () => {
    const id = await create();
    assert.equal((await post(`/run/${id}`, { s: 60 })).status, 504);
    const gone = new AbortController();
    const left = post(`/run/${id}`, { s: 60 }, gone.signal);
    await worker.logged(({ lambda, msg }) => lambda === id && msg === 'call 2');
    gone.abort();
    await assert.rejects(left);
    assert.equal((await post(`/run/${id}`, {})).text, '3');
    await post(`/destroy/${id}`);
  });

  test('one that is destroyed while it works fails its calls', async () => {
    const id = await create();
    const [call, waiting] = [post(`/run/${id}`, { s: 60 }), worker.logged(({ lambda, msg }) => lambda === id && msg === 'call 1')];
    await waiting;
    assert.equal((await post(`/destroy/${id}`)).status, 200);
    assert.equal((await call).status, 502);
  });

  test('the code is chosen by the runtime, and by what there is', async () => {
    const code = directory('all', {
      'f.py': 'def f(event): return "python"\n',
      'f.bin': '#!/bin/sh\nprintf native > /tmp/output\n',
      'f.mjs': 'export const f = () => "node";\n',
    });
    for (const [runtime, answer] of [
      ['python', /python/],
      ['native', /native/],
      ['node', /node/],
      [undefined, /python/],
    ] as const) {
      const id = await create({ code, ...(runtime !== undefined && { runtime }) });
      assert.match((await post(`/run/${id}`, {})).text, answer);
      await post(`/destroy/${id}`);
    }
  });

  test('an archive is code as a directory is, kept as long as there is a sandbox of it', async () => {
    const code = archive('counts', tarGz({ name: 'f.py', content: counts }));
    const ids = [await create({ code }), await create({ code })];
    for (const id of ids) assert.equal((await post(`/run/${id}`, {})).text, '1');
    assert.equal(readdirSync(join(worker.workerDir, 'store')).filter((name) => /^[0-9a-f]{64}$/.test(name)).length, 1);
    for (const id of ids) await post(`/destroy/${id}`);
    // Its removal follows in the background; what is unpacked again is not disturbed by it.
    const again = await create({ code });
    assert.equal((await post(`/run/${again}`, {})).text, '1');
    await post(`/destroy/${again}`);
  });

  test('what is asked for may have 64 KiB', async () => {
    const code = directory('counts', { 'f.py': counts });
    const padded = (bytes: number) => Buffer.from(JSON.stringify({ code }).padEnd(bytes));
    assert.equal((await post('/create', padded((64 << 10) + 1))).status, 413);
    const reply = await post('/create', padded(64 << 10));
    assert.equal(reply.status, 200, reply.text);
    await post(`/destroy/${reply.text.trim()}`);
  });

  test('what cannot be made is told with what to change', async () => {
    const code = directory('counts', { 'f.py': counts });
    for (const [event, status, words] of [
      [Buffer.from('{'), 400, /not JSON/],
      [{}, 400, /code: expected an absolute directory/],
      [{ code: 'relative' }, 400, /code: expected an absolute directory/],
      [{ code: '/no/such/directory' }, 400, /code: expected an absolute directory/],
      [{ code: '', leaf: false }, 501, /leaf: expected true, or no such key \(the worker keeps the zygotes itself\)/],
      [{ code, leaf: 'no' }, 400, /leaf: expected true or false/],
      [{ code: archive('none', tarGz({ name: 'a/f.py' })) }, 400, /code: it has no file at its root/],
      [{ code: archive('bad', Buffer.from('no archive')) }, 400, /code: it is no intact gzip archive/],
      [{ code, parent: '1' }, 400, /parent: expected no such key/],
      [{ code, pkgs: ['numpy'] }, 400, /pkgs: expected an empty list/],
      [{ code, runtime: 'cobol' }, 400, /runtime: expected \\"python\\"/],
      [{ code, cod: 1 }, 400, /cod: expected a known key \(did you mean \\"code\\"/],
      [{ code: directory('none', { 'a.txt': '' }) }, 400, /code: it has no f\.py/],
      [{ code: directory('raises', { 'f.py': 'raise ValueError("at import")\n' }) }, 500, /at import/],
    ] as const) {
      const reply = await post('/create', event);
      assert.equal(reply.status, status, reply.text);
      assert.match(reply.text, words);
    }
    assert.equal((await worker.call('', undefined, { method: 'GET', path: '/debug' })).text, '');
  });

  test('no more are made than have room', async () => {
    const ids = await Promise.all([1, 2, 3, 4, 5].map(() => create()));
    const reply = await post('/create', { code: directory('counts', { 'f.py': counts }) });
    assert.deepEqual([reply.status, /no room/.test(reply.text)], [503, true]);
    for (const id of ids) await post(`/destroy/${id}`);
    await post(`/destroy/${await create()}`);
  });

  test('only who may use the admin API makes and ends sandboxes; lambdas of the registry are not there', async () => {
    const reply = await worker.call('', {}, { path: '/create', headers: { 'x-forwarded-for': '10.1.1.1' } });
    assert.equal(reply.status, 403);
    worker.addLambda('echo', 'def f(event): return event\n');
    assert.deepEqual([(await post('/run/echo', {})).status, (await post('/registry/x')).status], [404, 404]);
  });
});

test('at the end what was accepted is answered, and no sandbox is left', needsRoot, async (t) => {
  const worker = await startWorker(t, { config: { server_mode: 'sock' } });
  mkdirSync(join(worker.dir, 'code'));
  writeFileSync(join(worker.dir, 'code/f.py'), counts);
  const id = (await worker.call('', { code: join(worker.dir, 'code') }, { path: '/create' })).text.trim();
  const call = worker.call('', { s: 0.5 }, { path: `/run/${id}` });
  await worker.logged(({ msg }) => msg === 'call 1');
  assert.equal(await worker.stop(), 0);
  assert.equal((await call).text, '1');
  assert.deepEqual(inside(worker), []);
});
