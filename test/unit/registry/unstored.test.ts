// A node that cannot store code: no fault of the registry, and nothing that is remembered of the code.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { WorkerError } from '../../../src/errors.ts';
import { HttpRegistry } from '../../../src/registry/http/http-registry.ts';
import { httpRemote } from '../../../src/registry/http/remote.ts';
import { DirectoryRegistry } from '../../../src/registry/registry.ts';
import type { CodeRegistry } from '../../../src/registry/source-of-code.ts';
import { Store } from '../../../src/registry/store.ts';
import { UnpackPool } from '../../../src/registry/unpack-pool.ts';
import { tarGz } from './archives.ts';

const root = process.getuid?.() === 0 || process.env.REQUIRE_KERNEL === '1' ? {} : { skip: 'needs root, to mount a small disk' };

const python = `def f(event): return 1\n#${'x'.repeat(100_000)}`;
const packages = { 'file.py': Buffer.from(python), 'archive.tar.gz': tarGz({ name: 'f.py', content: python }) };

/** Registries with these packages, and a store on a disk that has room for none of them. */
async function full(t: TestContext): Promise<{ registries: readonly CodeRegistry[]; store: Store; makeRoom(): void }> {
  const base = mkdtempSync(join(tmpdir(), 'sock-unstored-'));
  const [dir, disk] = [join(base, 'registry'), join(base, 'disk')];
  for (const each of [dir, disk]) mkdirSync(each);
  for (const [name, bytes] of Object.entries(packages)) writeFileSync(join(dir, name), bytes);
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'none', disk]);
  const pool = new UnpackPool({ threads: 1 });
  const store = new Store({ dir: join(disk, 'store'), pool });
  const server = createServer((request, response) => {
    const bytes = packages[request.url?.slice(1) as keyof typeof packages];
    response.writeHead(bytes === undefined ? 404 : 200).end(bytes);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const remote = httpRemote(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
  const http = new HttpRegistry({ remote, store, pool, times: { missMs: 0 }, warn: () => {} });
  t.after(async () => {
    server.close();
    await http.close();
    await store.close();
    await pool.close();
    execFileSync('umount', [disk]);
    rmSync(base, { recursive: true });
  });
  const makeRoom = () => execFileSync('mount', ['-o', 'remount,size=4m', disk]);
  return { registries: [new DirectoryRegistry({ dir, store, pool }), http], store, makeRoom };
}

test('a full disk is told as that, with its directory in the log; when there is room the code is there', root, async (t) => {
  const { registries, store, makeRoom } = await full(t);
  for (const registry of registries) {
    for (const name of ['file', 'archive']) {
      await assert.rejects(
        async () => registry.resolve(name),
        (error) => {
          assert.ok(error instanceof WorkerError);
          assert.deepEqual([error.code, error.status], ['store-failed', 503]);
          assert.match(error.message, /worker_dir is full \(make room there\)$/);
          assert.ok(String(error.cause).includes(`"${store.dir}": ENOSPC`), String(error.cause));
          return true;
        },
        name,
      );
    }
  }
  makeRoom();
  for (const registry of registries) for (const name of ['file', 'archive']) assert.ok((await registry.resolve(name)).digest);
});

test('a store whose directory is gone is told, too', async (t) => {
  const base = mkdtempSync(join(tmpdir(), 'sock-unstored-'));
  t.after(() => rmSync(base, { recursive: true }));
  const pool = new UnpackPool();
  const store = new Store({ dir: join(base, 'store'), pool });
  const registry = new DirectoryRegistry({ dir: base, store, pool });
  for (const [name, bytes] of Object.entries(packages)) writeFileSync(join(base, name), bytes);
  rmSync(store.dir, { recursive: true });
  for (const name of ['file', 'archive']) await assert.rejects(async () => registry.resolve(name), { code: 'store-failed' });
  await pool.close();
});
