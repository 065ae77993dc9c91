// Leaves of Node lambdas without a sandbox.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { TestContext } from 'node:test';
import { packageRoot } from '../../../../src/sandbox/sock/native.ts';
import { Leaf } from '../native/leaf-rig.ts';

const own = join(packageRoot(), 'src/runtime/node');

/** `code`: what index.mjs says, or files by name. */
export function lambda(
  t: TestContext,
  code: string | Readonly<Record<string, string>>,
  environment: Readonly<Record<string, string>> = {},
): Leaf {
  const dir = mkdtempSync(join(tmpdir(), 'sock-node-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  for (const [name, text] of Object.entries(typeof code === 'string' ? { 'index.mjs': code } : code)) {
    mkdirSync(dirname(join(dir, name)), { recursive: true });
    writeFileSync(join(dir, name), text);
  }
  return new Leaf(t, [process.execPath, join(own, 'leaf.mjs'), dir, join(own, 'rehearsal')], environment);
}
