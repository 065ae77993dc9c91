// Leaves of native lambdas without a sandbox; shell scripts are the lambdas.
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { packageRoot } from '../../../../src/sandbox/sock/native.ts';
import { Leaf } from './leaf-rig.ts';

const program = join(packageRoot(), 'build/Release/native_leaf');
export const options = existsSync(program) ? {} : { skip: 'the native part is not built' };

export interface Lambda {
  readonly leaf: Leaf;
  readonly dir: string;
}

/** `script` is what /bin/sh runs; $OUT names its result file. */
export function lambda(t: TestContext, script: string, environment: Record<string, string> = {}, mode = 0o755): Lambda {
  const dir = mkdtempSync(join(tmpdir(), 'sock-native-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  const out = join(dir, 'output');
  writeFileSync(join(dir, 'f.bin'), `#!/bin/sh\nOUT=${out}\nDIR=${dir}\n${script}\n`, { mode });
  return { leaf: new Leaf(t, [program, join(dir, 'f.bin'), out], environment), dir };
}
