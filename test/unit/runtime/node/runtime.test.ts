import assert from 'node:assert/strict';
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { outsideUsr } from '../../../../src/runtime/node/libraries.ts';
import { nodeRuntime } from '../../../../src/runtime/node/runtime.ts';
import { packageRoot } from '../../../../src/sandbox/sock/native.ts';

const options = { packageRoot: packageRoot(), base: '/', node: process.execPath, memoryBytes: 50 << 20 };

test('a Node outside of /usr is mounted into the sandbox, one inside is there', (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'sock-node-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  const elsewhere = join(dir, 'node');
  copyFileSync('/bin/sh', elsewhere);
  const { program } = nodeRuntime({ ...options, node: elsewhere });
  assert.deepEqual(program.mounts, [[elsewhere, '/runtime/node']]);
  assert.ok(program.argv.includes('/runtime/node'));
  const within = nodeRuntime({ ...options, node: '/bin/sh' }).program;
  assert.deepEqual(within.mounts, []);
  assert.ok(
    within.argv.some((word) => word.startsWith('/usr/bin/')),
    'by its own name, whatever links lead there',
  );
  assert.equal(nodeRuntime({ ...options, base: '/srv/base', node: '/bin/sh' }).program.mounts.length, 1, "another base's /usr has its own");
});

test('of its libraries those that a sandbox has not are mounted, too', () => {
  const said =
    '\tlinux-vdso.so.1 (0x1)\n\tlibc.so.6 => /lib/libc.so.6 (0x2)\n\tlibnode.so => /opt/node/lib/libnode.so (0x3)\n\tlibx.so => not found\n\t/lib64/ld-linux.so (0x4)\n';
  assert.deepEqual(
    outsideUsr(said, (path) => path.replace(/^\/lib\//, '/usr/lib/')),
    ['/opt/node/lib/libnode.so'],
  );
});

test("V8's heap is kept within what the sandbox may have", () => {
  const flag = (memoryBytes: number): string | undefined =>
    nodeRuntime({ ...options, memoryBytes }).program.argv.find((word) => word.startsWith('--max-old-space-size'));
  assert.equal(flag(50 << 20), '--max-old-space-size=30');
  assert.equal(flag(1 << 20), '--max-old-space-size=16');
  assert.equal(flag(0), undefined);
});

test('a package is of Node exactly when its leaf finds what to call in it', async () => {
  const { entries } = (await import(pathToFileURL(join(packageRoot(), 'src/runtime/node/handler.mjs')).href)) as { entries: string[] };
  const { handles } = nodeRuntime(options);
  assert.ok(entries.length > 0 && entries.every((name) => handles([name], {})));
  assert.deepEqual(
    ['index.mjs', 'index.js', 'index.cjs', 'f.mjs', 'f.js', 'f.cjs', 'f.ts'].filter((name) => handles([name], {})),
    entries,
  );
});
