// What there is of each language, made.
import { type Language, languages } from './languages.ts';
import { nativeRuntime } from './native/runtime.ts';
import { nodeRuntime } from './node/runtime.ts';
import { pythonRuntime } from './python/runtime.ts';
import type { Runtime, RuntimeOptions } from './runtime.ts';

const make: Readonly<Record<Language, (options: RuntimeOptions) => Runtime>> = {
  python: pythonRuntime,
  native: nativeRuntime,
  node: nodeRuntime,
};

/** In the order of `languages`. */
export function allRuntimes(options: RuntimeOptions): readonly Runtime[] {
  return languages.map((language) => make[language](options));
}
