// What the engine is asked for when a container is to be made: pure, so that a test can read what confines it.
import { rlimits, scratchInodes } from '../bounds.ts';
import type { SandboxLimits } from '../sandbox.ts';

/** A directory or file of the host that the container sees, read-only. */
export type Bind = readonly [path: string, target: string];

export interface ContainerPlan {
  readonly image: string;
  /** Undefined: the image's own. */
  readonly argv: readonly string[] | undefined;
  /** NAME=value, beside the image's own. */
  readonly environment: readonly string[];
  /** '': the image's own. */
  readonly directory: string;
  readonly binds: readonly Bind[];
  /** Where the image wants a volume: a tmpfs each, since a volume would be on the host's disk, without a limit. */
  readonly volumes: readonly string[];
  readonly limits: SandboxLimits;
  readonly uid: number;
  /** The OCI runtime of the engine; '': its default. */
  readonly runtime: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** The body of POST /containers/create. */
export function createBody({ image, argv, environment, directory, binds, volumes, limits, uid, runtime, labels }: ContainerPlan): object {
  const { memoryBytes, swapBytes, processes, cpuPercent, tmpBytes } = limits;
  const targets = binds.map(([, target]) => target);
  // Its own, since runc gives a tmpfs the mode of the directory that is there in the image.
  const scratch = `rw,exec,nosuid,nodev,size=${tmpBytes},nr_inodes=${scratchInodes(tmpBytes)},mode=1777,uid=${uid},gid=${uid}`;
  return {
    Image: image,
    ...(argv === undefined ? {} : { Entrypoint: argv, Cmd: [] }),
    Env: environment,
    ...(directory === '' ? {} : { WorkingDir: directory }),
    Hostname: 'sandbox',
    User: `${uid}:${uid}`,
    Labels: labels,
    AttachStdout: true,
    AttachStderr: true,
    Healthcheck: { Test: ['NONE'] },
    HostConfig: {
      Memory: memoryBytes,
      MemorySwap: memoryBytes + swapBytes,
      PidsLimit: processes,
      CpuPeriod: 100_000,
      CpuQuota: cpuPercent * 1000,
      ReadonlyRootfs: true,
      Tmpfs: Object.fromEntries(['/tmp', '/host', ...volumes].filter((at) => !targets.includes(at)).map((at) => [at, scratch])),
      ShmSize: tmpBytes,
      Mounts: binds.map(([Source, Target]) => ({ Type: 'bind', Source, Target, ReadOnly: true })),
      NetworkMode: 'none',
      CapDrop: ['ALL'],
      SecurityOpt: ['no-new-privileges'],
      IpcMode: 'private',
      Ulimits: Object.entries(rlimits).map(([Name, most]) => ({ Name, Soft: most, Hard: most })),
      LogConfig: { Type: 'none', Config: {} },
      ...(runtime === '' ? {} : { Runtime: runtime }),
    },
  };
}
