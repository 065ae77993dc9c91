// Keys that OpenLambda's configs have, or that are planned, and that do nothing in this version. They are checked in shape, so that a config
// written for OpenLambda starts; each one that asks for something gets a warning. A key is here only when ignoring it is safe: where it
// would not be (a network for sandboxes), schema.ts refuses the value instead.
import { z } from 'zod';
import { truth, whole } from './values.ts';

const string = () => z.string('a string').optional();
const boolean = () => truth().optional();
const count = () => whole(0, 2 ** 31 - 1).optional();
const storage = () => z.enum(['', 'memory', 'private'], '"", "memory" or "private"').optional();

export const inert = {
  Pkgs_dir: string().describe('The directory of installed packages.'),
  pip_mirror: string().describe('The index that packages are installed from.'),
  import_cache_tree: z
    .union([z.string(), z.record(z.string(), z.unknown())], '"auto", "", a path, or a tree object')
    .optional()
    .describe('The tree of zygotes: "auto", "" for none, the path of a JSON file, or the tree itself.'),
  installer_limits: z
    .strictObject(
      {
        procs: count().describe('Processes and threads.'),
        mem_mb: count().describe('Memory in MB.'),
        cpu_percent: count().describe('100 is one whole processor.'),
        swappiness: count().describe('0 forbids swap.'),
        runtime_sec: count().describe('Seconds that an installation may take.'),
      },
      'an object',
    )
    .optional()
    .describe('Limits of package installers; 0 or absent is what `limits` says.'),
  features: z
    .strictObject(
      {
        import_cache: string().describe('"tree" for a tree of zygotes.'),
        reuse_cgroups: boolean().describe('cgroups are always used again.'),
        downsize_paused_mem: boolean().describe('Whether frozen sandboxes are shrunk.'),
        enable_seccomp: boolean().describe('seccomp is always on.'),
      },
      'an object',
    )
    .optional()
    .describe('Switches of OpenLambda.'),
  storage: z
    .strictObject(
      {
        root: storage().describe('The root file system.'),
        scratch: storage().describe('The directory /host.'),
        code: storage().describe('The directory of the code.'),
      },
      'an object',
    )
    .optional()
    .describe('Where OpenLambda keeps the files of sandboxes: "" on disk, "memory", or "private".'),
  kafka: z
    .strictObject(
      {
        cache_enabled: boolean().describe('Whether records are cached for replay.'),
        cache_size: count().describe('Records in that cache.'),
        session_timeout_sec: count().describe("The consumer's session time-out in seconds."),
        heartbeat_interval_sec: count().describe("The consumer's heartbeat interval in seconds."),
        poll_timeout_sec: count().describe('The time-out of one poll in seconds.'),
      },
      'an object',
    )
    .optional()
    .describe('Kafka triggers.'),
  sandbox_config: z.unknown().optional().describe('Anything: OpenLambda hands it to sandboxes.'),
};

/** OpenLambda's older name of installer_limits.mem_mb, in `limits`; the other keys of `limits` do something. */
export const inertLimits = { installer_mem_mb: count().describe("OpenLambda's older name of installer_limits.mem_mb.") };

/** OpenLambda's booleans in `trace`; the other keys of `trace` do something. */
export const inertTrace = {
  cgroups: boolean().describe('Whether OpenLambda traces cgroups.'),
  memory: boolean().describe('Whether it traces memory.'),
  evictor: boolean().describe('Whether it traces the evictor.'),
  package: boolean().describe('Whether it traces packages.'),
  latency: boolean().describe('Whether it traces latencies.'),
};

const packages = 'packages are not installed by this version';
const traced = 'the phases of every request are in its Server-Timing header';
const zygotes = 'this version has no zygotes with packages';

/** Why a key does nothing, as the end of a sentence; and the value that asks for what is so anyway. */
const reasons: readonly (readonly [path: string, why: string, fine?: unknown])[] = [
  ['Pkgs_dir', packages],
  ['pip_mirror', packages],
  ['import_cache_tree', zygotes],
  ['installer_limits', packages],
  ['limits.installer_mem_mb', packages],
  ['features.import_cache', zygotes],
  ['features.downsize_paused_mem', 'frozen sandboxes are not shrunk by this version'],
  ['features.enable_seccomp', 'seccomp is always on', true],
  ['trace.cgroups', traced],
  ['trace.memory', traced],
  ['trace.evictor', traced],
  ['trace.package', traced],
  ['trace.latency', traced],
  ['storage', 'a sandbox always has a private /tmp and read-only code'],
  ['kafka', 'this version has no kafka triggers'],
  ['sandbox_config', 'sandboxes take nothing from it'],
];

/** The lines about keys of a checked file that ask for something, but have no effect. */
export function inertLines(file: object): string[] {
  return reasons.flatMap(([path, why, fine]) => {
    const asked = path.split('.').reduce<unknown>((at, key) => (at as Record<string, unknown> | undefined)?.[key], file);
    const nothing = asked === undefined || (fine === undefined ? asksNothing(asked) : asked === fine);
    return nothing ? [] : [`${path}: has no effect, ${why}`];
  });
}

function asksNothing(asked: unknown): boolean {
  if (typeof asked !== 'object' || asked === null) return asked === undefined || asked === null || asked === '' || asked === false;
  return Object.values(asked).every(asksNothing);
}
