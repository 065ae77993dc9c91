// The registry over HTTP: what is put there is called at once, and the calls that are under way are not disturbed.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readdirSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import { raw, request } from '../../unit/http/serving.ts';
import { tarGz } from '../../unit/registry/archives.ts';
import { needsRoot, startWorker, suiteOwner, type Worker } from '../worker.ts';

const answers = (value: string) => tarGz({ name: 'f.py', content: `def f(event):\n  return "${value}"\n` });
const waits = `import time
def f(event):
  print("begun", flush=True)
  time.sleep(event["s"])
  return "old"
`;

describe('the registry over HTTP', needsRoot, () => {
  const owner = suiteOwner();
  let worker: Worker;
  before(async () => {
    // An hour: what is new after an upload is so because of it.
    worker = await startWorker(owner, { config: { registry_cache_ms: 3_600_000 } });
  });
  const put = (name: string, body: Uint8Array | string, headers: Record<string, string> = {}) =>
    worker.call('', typeof body === 'string' ? Buffer.from(body) : body, { path: `/registry/${name}`, headers });
  const get = (path: string) => worker.call('', undefined, { method: 'GET', path });

  test('the next call gets the code that was put there', async () => {
    for (const value of ['one', 'two', 'three']) {
      const reply = await put('x', answers(value));
      assert.equal(reply.status, 201, reply.text);
      assert.equal((await worker.call('x', {})).text, `"${value}"`);
    }
    assert.ok(((await get('/stats')).json<Record<string, number>>()['pull-lambda.cnt'] ?? 0) >= 3);
    assert.equal((await put('x', 'def f(event): return "file"', { 'content-type': 'text/x-python' })).status, 201);
    assert.equal((await worker.call('x', {})).text, '"file"');
  });

  test('a call that is under way goes on with the code that it began with', async () => {
    await put('busy', tarGz({ name: 'f.py', content: waits }));
    const old = worker.call('busy', { s: 1 });
    await worker.logged(({ lambda, msg }) => lambda === 'busy' && msg === 'begun');
    await put('busy', answers('new'));
    assert.equal((await worker.call('busy', {})).text, '"new"');
    assert.equal((await old).text, '"old"');
  });

  test('what cannot be used is refused with what is wrong, and the code stays', async () => {
    await put('kept', answers('kept'));
    for (const [body, words] of [
      ['no archive', /no intact gzip archive/],
      [tarGz({ name: 'f.py', content: '' }, { name: 'ol.yaml', content: 'limts: {}' }), /limits/],
      [tarGz({ name: '../f.py', content: '' }), /has \\"\.\.\\" in its name/],
    ] as const) {
      const reply = await put('kept', body);
      assert.equal(reply.status, 400);
      assert.match(reply.text, words);
      assert.doesNotMatch(reply.text, /\/tmp|\/root/);
    }
    assert.equal((await put('a%20b', answers('x'))).status, 400);
    assert.equal((await worker.call('kept', {})).text, '"kept"');
  });

  test('a package of more than 256 MiB is refused by its length alone', async (t) => {
    const client = await raw(t, Number(new URL(worker.url).port));
    client.send(request('POST', '/registry/big', { 'content-length': (256 << 20) + 1 }).replace('host: test', 'host: localhost'));
    assert.match(await client.until('}}'), /^HTTP\/1\.1 413 [\s\S]*"the request body is over the limit: 268435456 bytes"/);
  });

  test('the list, the settings, and the download are of what is there', async () => {
    await put(
      'full',
      tarGz({ name: 'f.py', content: 'def f(event): return 1\n' }, { name: 'ol.yaml', content: 'environment: {A: 1.10}\n' }),
    );
    assert.ok((await get('/registry/')).json<string[]>().includes('full'));
    assert.deepEqual((await get('/registry/full/config')).json<{ Environment: unknown }>().Environment, { A: '1.10' });
    const { bytes } = await get('/registry/full');
    assert.equal(execFileSync('tar', ['-xzO', 'f.py'], { input: bytes }).toString(), 'def f(event): return 1\n');
  });

  test('what was deleted is called in vain from then on', async () => {
    await put('gone', answers('here'));
    assert.equal((await worker.call('gone', {})).status, 200);
    assert.equal((await worker.call('', undefined, { method: 'DELETE', path: '/registry/gone' })).status, 200);
    assert.equal((await worker.call('gone', {})).status, 404);
    assert.equal((await worker.call('', undefined, { method: 'DELETE', path: '/registry/gone' })).status, 404);
    assert.deepEqual(
      readdirSync(worker.registry).filter((name) => name.startsWith('gone') || name.includes('~')),
      [],
    );
  });
});

test('a registry that is full says so with 507, and what is in it stays', needsRoot, async (t) => {
  const registry = mkdtempSync(join(tmpdir(), 'sock-e2e-full-'));
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'tmpfs', registry]);
  try {
    const worker = await startWorker(t, { config: { registry } });
    const put = (value: string, more: Uint8Array) =>
      worker.call('', tarGz({ name: 'f.py', content: `def f(event): return "${value}"\n` }, { name: 'data', content: more }), {
        path: '/registry/x',
      });
    assert.equal((await put('one', randomBytes(1000))).status, 201);
    const full = await put('two', randomBytes(1 << 20));
    assert.deepEqual([full.status, full.json<{ error: { code: string } }>().error.code], [507, 'registry-full']);
    assert.ok(!full.text.includes(registry));
    assert.equal((await worker.call('x', {})).text, '"one"');
    assert.equal((await put('three', randomBytes(1000))).status, 201);
    assert.equal((await worker.call('x', {})).text, '"three"');
    assert.equal(await worker.stop(), 0);
  } finally {
    execFileSync('umount', [registry]);
    rmdirSync(registry);
  }
});
