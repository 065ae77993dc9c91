// Node lambdas: leaf.mjs, executed by the launcher's leaves in the Node that runs the worker.
import { readdirSync, realpathSync } from 'node:fs';
import { basename, join } from 'node:path';
import { lineSocket, type Program, plainEnvironment, type Runtime, type RuntimeOptions } from '../runtime.ts';
import { foreignLibraries } from './libraries.ts';

/** In the order in which handler.mjs looks for them. */
const entries = ['index.mjs', 'index.js', 'f.mjs', 'f.js', 'f.cjs'];
const mounted = '/runtime/node';
const mountedLibraries = '/runtime/lib';

export function nodeRuntime({ packageRoot, base, node, memoryBytes }: RuntimeOptions): Runtime {
  const own = join(packageRoot, 'src/runtime/node');
  const modules = readdirSync(own).filter((name) => name.endsWith('.mjs'));
  const executable = realpathSync(node);
  const inside = base === '/' && executable.startsWith('/usr/');
  // The host's say nothing about another base's.
  const libraries = inside || base !== '/' ? [] : foreignLibraries(executable);
  const leaf = [inside ? executable : mounted, ...flags(memoryBytes), '/runtime/leaf.mjs'];
  const surroundings: Omit<Program, 'argv'> = {
    environment: [...plainEnvironment, threads, ...(libraries.length === 0 ? [] : [`LD_LIBRARY_PATH=${mountedLibraries}`])],
    mounts: inside ? [] : [[executable, mounted], ...libraries.map((path) => [path, `${mountedLibraries}/${basename(path)}`] as const)],
  };
  return {
    name: 'node',
    entries,
    handles: (files, { file }) =>
      file === undefined ? entries.some((name) => files.includes(name)) : isScript(file) && files.includes(file),
    files: [
      ...modules.map((name) => [join(own, name), `/runtime/${name}`] as const),
      [join(own, 'rehearsal/index.mjs'), '/rehearsal/index.mjs'],
      [join(packageRoot, 'build/Release/launcher'), '/runtime/launcher'],
    ],
    program: { argv: ['/runtime/launcher', stack, ...leaf], ...surroundings },
    contained: { argv: ['/runtime/connect', lineSocket, ...leaf], ...surroundings },
    start: 'spawned',
    loadsInZygote: false,
    mostConcurrent: Number.POSITIVE_INFINITY,
    begins: 'when-used',
  };
}

/** Of each thread. V8 leaves a program's main thread less than 1 MB, and says so in time. */
const stack = `--stack=${2 << 20}`;
/** For files, names and the like; Node has four. A lambda may have few processes, and threads count. */
const threads = 'UV_THREADPOOL_SIZE=2';

/**
 * V8 knows nothing of the sandbox's limit and would collect garbage only long after it. Of 50 MB, Node itself takes 8, the young generation three
 * times the semi-space, and 30 are left for the old one. (A lambda with 8 MB of data under constant change, after two calls: 66 MB of anonymous
 * memory without --max-old-space-size, 27 to 33 MB with it in Node 20; 63 and 37 to 39 MB in Node 22.)
 */
function flags(memoryBytes: number): readonly string[] {
  const oldSpace = Math.max(16, Math.floor((memoryBytes / (1 << 20)) * 0.6));
  return ['--v8-pool-size=1', '--max-semi-space-size=2', ...(memoryBytes === 0 ? [] : [`--max-old-space-size=${oldSpace}`])];
}

function isScript(file: string): boolean {
  return /\.[cm]?js$/.test(file);
}
