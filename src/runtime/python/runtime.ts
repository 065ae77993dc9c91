// Python lambdas: forked from a zygote that is the interpreter itself (zygote.py).
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { lineSocket, plainEnvironment, type Runtime, type RuntimeOptions } from '../runtime.ts';

/** What is called where no file is named. */
const usual = 'f.py';

export function pythonRuntime({ packageRoot }: Pick<RuntimeOptions, 'packageRoot'>): Runtime {
  const own = join(packageRoot, 'src/runtime/python');
  const modules = readdirSync(own).filter((name) => name.endsWith('.py'));
  return {
    name: 'python',
    entries: [usual],
    handles: (files, { file = usual }) => file.endsWith('.py') && files.includes(file),
    files: [
      ...modules.map((name) => [join(own, name), `/runtime/${name}`] as const),
      [join(own, 'rehearsal/f.py'), '/rehearsal/f.py'],
      [join(packageRoot, 'build/Release/guest.so'), '/runtime/guest.so'],
    ],
    program: {
      argv: ['/usr/bin/python3', '-I', '/runtime/zygote.py'],
      environment: [...plainEnvironment, 'LD_PRELOAD=/runtime/guest.so'],
      mounts: [],
    },
    contained: {
      argv: ['/usr/bin/python3', '-I', '/runtime/contained.py', lineSocket],
      environment: plainEnvironment,
      mounts: [],
    },
    start: 'forked',
    loadsInZygote: true,
    mostConcurrent: Number.POSITIVE_INFINITY,
    begins: 'with-worker',
  };
}
