// A whole worker whose code comes over HTTP.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { tarGz } from '../unit/registry/archives.ts';
import { s3 } from '../unit/registry/http/s3-server.ts';
import { type Files, serving, site } from '../unit/registry/http/site.ts';
import { needsRoot, startWorker } from './worker.ts';

const returns = (value: string): string => `def f(event):\n  return "${value}"\n`;
const archive = (value: string): Uint8Array => tarGz({ name: 'f.py', content: returns(value) });
const main = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url));

test(
  'a cold call pulls the code, a new version takes over, and a registry that is gone takes nothing away, over a restart too',
  needsRoot,
  async (t) => {
    const files: Files = { '/code/x.tar.gz': archive('one'), '/code/y.py': returns('y') };
    const server = await site(t, serving(files));
    const config = { registry: `${server.url.replace('//', '//me:secret@')}/code`, registry_cache_ms: 0 };
    const first = await startWorker(t, { config });
    const said = async (worker = first, name = 'x') => (await worker.call(name, {})).text;
    assert.equal(await said(), '"one"');
    assert.equal(await said(first, 'y'), '"y"');
    const unknown = await first.call('z', {});
    assert.deepEqual([unknown.status, unknown.json<{ error: { code: string } }>().error.code], [404, 'lambda-unknown']);

    assert.equal(await said(), '"one"');
    const asked = server.asked.at(-1);
    assert.ok(asked?.path === '/code/x.tar.gz' && asked.headers['if-none-match'] !== undefined);
    files['/code/x.tar.gz'] = archive('two');
    assert.equal(await said(), '"two"');
    delete files['/code/y.py'];
    assert.equal((await first.call('y', {})).status, 404);

    server.answer = (_, response) => response.writeHead(200, { 'content-type': 'text/html' }).end('<html>maintenance');
    assert.equal(await said(), '"two"');
    const warned = await first.logged(({ msg }) => msg.startsWith('look for newer code of "x"'));
    assert.match(warned.msg, /text\/html, not with a package, ignoring: what is on the node goes on$/);
    const failed = await first.call('new', {});
    assert.deepEqual([failed.status, failed.json<{ error: { code: string } }>().error.code], [503, 'registry-unavailable']);
    server.answer = () => {}; // no answer at all
    assert.equal(await said(), '"two"');
    await server.close();
    assert.equal(await said(), '"two"');
    assert.equal(await first.stop(), 0);
    const second = await startWorker(t, { config, dir: first.dir });
    assert.equal(await said(second), '"two"');
    for (const words of [...first.stdout, ...first.stderr, ...second.stdout, ...second.stderr]) assert.doesNotMatch(words, /secret/);
  },
);

test(
  'pull brings code that is elsewhere, beside a worker and without one; the other commands say where code is put',
  needsRoot,
  async (t) => {
    const server = await site(t, serving({ '/x.py': returns('x'), '/y.py': returns('y') }));
    const worker = await startWorker(t, { config: { registry: server.url } });
    // Not spawnSync: the registry is in this process.
    const command = async (...args: readonly string[]): Promise<{ status: number; text: string }> => {
      const child = spawn(process.execPath, [main, ...args, '-c', join(worker.dir, 'config.json')], { stdio: ['ignore', 'pipe', 'pipe'] });
      const [stdout, stderr, [status]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
      return { status, text: stdout + stderr };
    };
    const pulled = await command('pull', 'x', 'nobody');
    assert.equal(pulled.status, 1);
    assert.match(pulled.text, /^x: its code is on the node\n.*pull "nobody": no such lambda/s);
    assert.equal((await worker.call('x', {})).text, '"x"');
    for (const [method, path] of [
      ['GET', '/registry/'],
      ['POST', '/registry/x'],
      ['DELETE', '/registry/x'],
    ] as const) {
      const reply = await worker.call('', undefined, { method, path });
      assert.deepEqual([reply.status, reply.json<{ error: { code: string } }>().error.code], [409, 'registry-elsewhere'], method);
    }
    assert.equal((await worker.call('', undefined, { method: 'GET', path: '/registry/x/config' })).status, 200);
    await worker.stop();
    const alone = await command('pull', 'y');
    assert.deepEqual(alone, { status: 0, text: 'y: its code is on the node\n' });
    const refused = await command('new', 'z');
    assert.equal(refused.status, 1);
    assert.match(refused.text, /write the lambda "z": the registry of this worker is no directory of this machine/);
  },
);

test('code comes from a bucket, with the credentials of the environment', needsRoot, async (t) => {
  const keys = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'hidden', region: 'eu-central-1' };
  const server = await site(t, s3({ ...keys, objects: { '/code/lambdas/x.tar.gz': archive('one') } }));
  const config = { registry: 's3://code/lambdas' };
  const env = {
    AWS_ACCESS_KEY_ID: keys.accessKeyId,
    AWS_SECRET_ACCESS_KEY: keys.secretAccessKey,
    AWS_REGION: keys.region,
    AWS_ENDPOINT_URL: server.url,
  };
  const worker = await startWorker(t, { config, env });
  assert.equal((await worker.call('x', {})).text, '"one"');
  assert.equal((await worker.call('y', {})).status, 404);
  await assert.rejects(
    startWorker(t, { config, env: { ...env, AWS_SECRET_ACCESS_KEY: '' } }),
    /AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY/,
  );
});
