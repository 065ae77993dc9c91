// All runtimes there are, in the order in which they are asked whether a package is theirs.
import { nativeRuntime } from './native/runtime.ts';
import { type NodeRuntimeOptions, nodeRuntime } from './node/runtime.ts';
import { pythonRuntime } from './python/runtime.ts';
import type { Runtime } from './runtime.ts';

/** OpenLambda's order, f.py before f.bin, and then what it has not. */
export function allRuntimes(options: NodeRuntimeOptions): readonly Runtime[] {
  return [pythonRuntime(options.packageRoot), nativeRuntime(options.packageRoot), nodeRuntime(options)];
}
