// The sock backend with a zygote that has no interpreter (native/bare/bare_zygote.cc): everything of a sandbox, nothing of Python. All else is the
// product's own code; only the program that the zygote runs is another one.
import { copyFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { SockBackend } from '../src/sandbox/sock/backend.ts';
import { loadNative, packageRoot } from '../src/sandbox/sock/native.ts';
import type { Setting } from './case.ts';

const mib = 1 << 20;

/** `directory` holds the sandboxes' generated `root`, with the zygote in it, and the empty directory `staging`. */
export async function startBareBackend(setting: Setting): Promise<{ readonly backend: SockBackend; readonly directory: string }> {
  const native = loadNative();
  const workerDir = join(setting.directory, 'backend');
  mkdirSync(workerDir);
  const backend = new SockBackend({
    native: {
      ...native,
      spawn: (options, handlers) => native.spawn({ ...options, argv: ['/runtime/bare_zygote'], environment: [] }, handlers),
    },
    workerDir,
    base: '/',
    limits: { memoryBytes: 50 * mib, swapBytes: 0, processes: 10, cpuPercent: 100, tmpBytes: 64 * mib },
    strict: false,
    standbys: { least: 0, most: 0 },
    maxSandboxes: 16,
    lambdaZygotes: 0,
    log: (level, text, cause) => {
      if (level === 'error') throw new Error(text, { cause });
    },
  });
  copyFileSync(join(packageRoot(), 'build/Release/bare_zygote'), join(workerDir, 'root/runtime/bare_zygote'));
  await backend.start();
  return { backend: setting.own(backend), directory: workerDir };
}
