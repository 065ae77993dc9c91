// Native lambdas: an executable f.bin, run anew for each request by native_leaf (native/launcher), a few pages large.
import { join } from 'node:path';
import { lineSocket, plainEnvironment, type Runtime } from '../runtime.ts';

const program = '/handler/f.bin';
/** Where programs written for OpenLambda leave their result. */
const result = '/tmp/output';

export function nativeRuntime(packageRoot: string): Runtime {
  return {
    name: 'native',
    // Whatever the entry file is: OpenLambda looks for f.bin where the package has not the script that it names.
    handles: (files, { file }) => files.includes('f.bin') && (file === undefined || file === 'f.bin' || !files.includes(file)),
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
