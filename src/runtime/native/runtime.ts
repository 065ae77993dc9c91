// Native lambdas: an executable f.bin, run anew for each request by native_leaf (native/launcher), a few pages large.
import { join } from 'node:path';
import { lineSocket, plainEnvironment, type Runtime, type RuntimeOptions } from '../runtime.ts';

const usual = 'f.bin';
const program = `/handler/${usual}`;
/** Where programs written for OpenLambda leave their result. */
const result = '/tmp/output';

export function nativeRuntime({ packageRoot }: Pick<RuntimeOptions, 'packageRoot'>): Runtime {
  return {
    name: 'native',
    entries: [usual],
    // Whatever the entry file is: OpenLambda looks for f.bin where the package has not the script that it names.
    handles: (files, { file }) => files.includes(usual) && (file === undefined || file === usual || !files.includes(file)),
    files: ['launcher', 'native_leaf'].map((name) => [join(packageRoot, 'build/Release', name), `/runtime/${name}`]),
    program: { argv: ['/runtime/launcher', '/runtime/native_leaf', program, result], environment: plainEnvironment, mounts: [] },
    contained: {
      argv: ['/runtime/connect', lineSocket, '/runtime/native_leaf', program, result],
      environment: plainEnvironment,
      mounts: [],
    },
    start: 'forked',
    loadsInZygote: false,
    mostConcurrent: 1,
    begins: 'when-used',
  };
}
