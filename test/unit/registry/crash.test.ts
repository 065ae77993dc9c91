// A worker killed while it unpacks: nothing half-made counts as present, and the next start clears it away.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync, watch, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { DirectoryRegistry } from '../../../src/registry/registry.ts';
import { Store } from '../../../src/registry/store.ts';
import { UnpackPool } from '../../../src/registry/unpack-pool.ts';
import { handler, tarGz } from './archives.ts';
import { scratch } from './rig.ts';

const source = new URL('../../../src/registry/', import.meta.url).href;
const program = `
  const { DirectoryRegistry } = await import('${source}registry.js');
  const { Store } = await import('${source}store.js');
  const { UnpackPool } = await import('${source}unpack-pool.js');
  const [dir, store] = process.argv.slice(1);
  const pool = new UnpackPool();
  await new DirectoryRegistry({ dir, store: new Store({ dir: store, pool }), pool }).resolve('x');
`;

test('a worker killed in the middle of unpacking leaves nothing that counts as present', async (t) => {
  const base = scratch(t);
  const [dir, storeDir] = [join(base, 'registry'), join(base, 'store')];
  mkdirSync(dir);
  mkdirSync(storeDir);
  const many = Array.from({ length: 20_000 }, (_, n) => ({ name: `d${n % 100}/${n}`, content: `${n}` }));
  writeFileSync(join(dir, 'x.tar.gz'), tarGz(handler, ...many));

  const child = spawn(process.execPath, ['--input-type=module', '-e', program, dir, storeDir], { stdio: 'inherit' });
  const temporary = await firstTemporary(storeDir);
  await firstMember(join(storeDir, temporary));
  child.kill('SIGKILL');
  const [, signal] = await once(child, 'exit');
  assert.equal(signal, 'SIGKILL', 'it was done before it could be killed');
  const left = readdirSync(storeDir).sort();
  assert.deepEqual(left, ['names', temporary], 'no digest, only a temporary directory');
  const members = readdirSync(join(storeDir, temporary), { recursive: true }).length;
  assert(members > 0 && members < many.length, `${members} members`);

  const pool = new UnpackPool();
  const store = new Store({ dir: storeDir, pool });
  t.after(() => pool.close());
  await store.settled();
  assert.deepEqual(readdirSync(storeDir), ['names']);
  const code = await new DirectoryRegistry({ dir, store, pool }).resolve('x');
  assert.equal(readFileSync(join(code.dir, 'd99/19999'), 'utf8'), '19999');
});

function firstTemporary(storeDir: string): Promise<string> {
  return new Promise((resolve) => {
    const watcher = watch(storeDir, (_, name) => {
      if (name?.startsWith('tmp-') !== true) return;
      watcher.close();
      resolve(name);
    });
  });
}

function firstMember(dir: string): Promise<void> {
  return new Promise((resolve) => {
    const watcher = watch(dir, () => {
      watcher.close();
      resolve();
    });
    if (readdirSync(dir).length === 0) return;
    watcher.close();
    resolve();
  });
}
