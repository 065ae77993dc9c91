// The registry that the config names, by its scheme.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { type TestContext, test } from 'node:test';
import { registry as adminRegistry } from '../../../src/http/admin/registry.ts';
import type { Asked } from '../../../src/http/admin/route.ts';
import { directoryOf, type OpenRegistry, openRegistry, type RegistryConfig } from '../../../src/registry/registries.ts';
import { Shelf } from '../../../src/registry/shelf.ts';
import { content } from './http/remote-rig.ts';
import { serving, site } from './http/site.ts';
import { rig, write } from './rig.ts';

function open(t: TestContext, config: Partial<RegistryConfig>) {
  const own = rig(t);
  const keys = { worker_dir: own.base, sandbox: 'sock' as const, insecure_registries: [], image_store_mb: 100 };
  const all = { ...keys, registry: own.dir, registry_cache_ms: 0, ...config };
  const registry: OpenRegistry = openRegistry(all, { ...own, warn: () => {} });
  t.after(() => registry.close());
  return { ...own, registry, shelf: new Shelf({ dir: directoryOf(all), registry }) };
}

test('a path is a directory of this node', async (t) => {
  const { dir, registry, shelf } = open(t, {});
  write(dir, { 'x.py': 'one' });
  assert.equal(content(await registry.resolve('x')), 'one');
  assert.deepEqual([shelf.has('x'), (await shelf.list()).length], [true, 1]);
});

test('http:// has the credentials of the config; single lambdas can be looked at, the registry can be neither listed nor changed', async (t) => {
  const server = await site(t, serving({ '/x.py': 'one' }));
  const { registry, shelf } = open(t, { registry: server.url, registry_auth: { '127.0.0.1': { token: 'secret' } } });
  assert.equal(shelf.has('x'), false);
  assert.equal(content(await registry.resolve('x')), 'one');
  assert.equal(server.asked[0]?.headers.authorization, 'Bearer secret');
  assert.deepEqual([shelf.has('x'), shelf.has('y')], [true, false]);
  assert.equal(await shelf.settings('x'), '');
  assert.ok((await buffer((await shelf.download('x')).stream)).length > 0);
  await assert.rejects(shelf.download('y'), { code: 'lambda-unknown' });
  const paths = adminRegistry({ shelf, editor: undefined, uploadLimit: 1 });
  const asked = { name: 'x', query: new URLSearchParams(), contentType: '' } as unknown as Asked;
  for (const path of ['list', 'upload', 'remove'] as const) {
    await assert.rejects(async () => paths[path](asked), { code: 'registry-elsewhere', status: 409 }, path);
  }
});

test('what cannot be opened is told by the key of the config', (t) => {
  const file = join(rig(t).base, 'ca');
  const https = { registry: 'https://h/', registry_ca: file };
  assert.throws(() => open(t, https), /^Error: read registry_ca ".*": ENOENT/);
  writeFileSync(file, 'no certificate');
  assert.throws(() => open(t, https), /^Error: read registry_ca ".*": it has no certificate in PEM/);
  assert.throws(() => open(t, { registry: 'gopher://h/' }), /^Error: open the registry "gopher:\/\/h\/": expected a directory/);
});
