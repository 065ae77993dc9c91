// What the worker has to know of a language: when a package is of it, and what its zygote runs. Adding a language is a folder beside this file,
// with what runs inside of a sandbox and what `worker new` writes (template/), and its name in languages.ts.

export interface Runtime {
  /** As languages.ts has it. */
  readonly name: string;
  /** Files of which one is called where none is named. */
  readonly entries: readonly string[];
  /** Whether it runs a package with these files, named from the package's root on. */
  handles(files: readonly string[], entry: EntryChoice): boolean;
  /** What is copied into the generated root, where every runtime's files lie side by side. */
  readonly files: readonly (readonly [from: string, to: string])[];
  readonly program: Program;
  /** What a container of the docker backend executes instead: it connects to the socket of its line, waits there as a standby does, and is never forked. */
  readonly contained: Program;
  /** What a sandbox without a standby is: `forked` from a process that serves at once, or `spawned`, since its program starts from nothing. */
  readonly start: 'forked' | 'spawned';
  /** Whether its zygote can load the code of one lambda, for that lambda's sandboxes: the code is at /handler, its settings in `ownSettings`. */
  readonly loadsInZygote: boolean;
  /** Requests that one sandbox may be given at a time, at most. */
  readonly mostConcurrent: number;
  /** Zygote and standbys: from the worker's start on, or from the first lambda on that needs them. */
  readonly begins: 'with-worker' | 'when-used';
}

export interface RuntimeOptions {
  readonly packageRoot: string;
  /** The directory whose /usr sandboxes see. */
  readonly base: string;
  /** The Node that runs the worker. */
  readonly node: string;
  /** The most that a sandbox may have, 0: no limit. */
  readonly memoryBytes: number;
}

/** What a zygote executes (paths of the sandbox's root), and what of the host it finds mounted there, read-only. */
export interface Program {
  readonly argv: readonly string[];
  readonly environment: readonly string[];
  /** A target that is a file needs a file to be mounted on. */
  readonly mounts: readonly (readonly [path: string, target: string])[];
}

/** The part of the code that is called, as configured. */
export interface EntryChoice {
  readonly file?: string;
  readonly wsgi?: string;
  readonly asgi?: string;
}

/** JSON as kSetup has it. Not an argument: those can be read by everybody on the host. */
export const ownSettings = 'SOCK_SETTINGS';

/** Where a container finds the socket of its line. */
export const lineSocket = '/line/s';

/** The environment of whatever runs in a sandbox. */
export const plainEnvironment: readonly string[] = [
  'PATH=/usr/local/bin:/usr/bin:/bin',
  'HOME=/tmp',
  'USER=lambda',
  'LANG=C.UTF-8',
  'TMPDIR=/tmp',
];

/** The first that handles a package; undefined when none does. */
export function runtimeOf(runtimes: readonly Runtime[], files: readonly string[], entry: EntryChoice): Runtime | undefined {
  return runtimes.find((runtime) => runtime.handles(files, entry));
}
