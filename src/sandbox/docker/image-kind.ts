// What a container of an image lambda runs: our Python runtime, where the image has an f.py at its place and a python3.
import { posix } from 'node:path';
import { WorkerError } from '../../errors.ts';
import type { Program } from '../../runtime/runtime.ts';
import type { Image, ImageConfig, SandboxLimits, SandboxSpec } from '../sandbox.ts';
import type { Bind } from './container-plan.ts';
import type { Containers } from './containers.ts';
import { EngineRefused } from './engine.ts';
import type { Images } from './images.ts';
import { type Kind, kindOf } from './kinds.ts';

export interface ImageKindOptions {
  readonly images: Images;
  readonly containers: Containers;
  readonly python: Program;
  /** What every container sees. */
  readonly binds: readonly Bind[];
  readonly limits: SandboxLimits;
}

const places = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** The file that is called: as the lambda's settings say, else the image's own environment. An empty name is none. */
export function entryFile(
  config: Pick<ImageConfig, 'environment'>,
  { entry, environment }: Pick<SandboxSpec, 'entry' | 'environment'>,
): string {
  const own = config.environment.findLast((variable) => variable.startsWith('OL_ENTRY_FILE='));
  return entry.file || environment.OL_ENTRY_FILE || own?.slice('OL_ENTRY_FILE='.length) || 'f.py';
}

/** Rejects with code-invalid when there is no such image, or nothing in it that can be run. `file`: the lambda's entry file. */
export async function imageKind({ reference, config }: Image, file: string, options: ImageKindOptions): Promise<Kind> {
  const { images, containers, python, binds, limits } = options;
  const { volumes } = await images.present(reference).catch(blame);
  const base = { image: reference, volumes, binds };
  const unstarted = { ...base, argv: ['nothing'], environment: [], directory: '', limits, uid: 0, runtime: '', labels: {} };
  const directory = await containers.probing(unstarted, async (exists) => {
    const found = await first(
      ['/handler', posix.resolve('/', config.workingDir)].map((at) => posix.join(at, file)),
      exists,
    );
    const path = config.environment.find((variable) => variable.startsWith('PATH='))?.slice('PATH='.length) ?? places;
    const pythons = path.split(':').map((at) => posix.join('/', at, 'python3'));
    return found !== undefined && (await first(pythons, exists)) !== undefined ? found.slice(0, -file.length - 1) || '/' : undefined;
  });
  if (directory === undefined)
    throw new WorkerError('code-invalid', { detail: `the image has no python3 with ${file} in /handler or in its working directory` });
  return kindOf({ ...python, argv: [...python.argv, directory] }, base);
}

async function first(paths: readonly string[], exists: (path: string) => Promise<boolean>): Promise<string | undefined> {
  for (const path of paths) if (await exists(path)) return path;
  return undefined;
}

function blame(cause: unknown): never {
  if (!(cause instanceof EngineRefused)) throw cause;
  throw new WorkerError('code-invalid', { detail: 'its image cannot be pulled', cause });
}
