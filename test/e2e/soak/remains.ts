// What a worker has on the host while it rests: to be the same before and after the soak.
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { cgroups, inside, mounts, openDescriptors, zombies } from '../traces.ts';
import type { Worker } from '../worker.ts';

interface Counts {
  readonly instances: number;
  readonly inFlight: number;
  readonly queued: number;
  readonly sandboxes: number;
  readonly lambdaZygotes: number;
  readonly runtimes: Readonly<Record<string, { readonly standbys: number; readonly slots: { readonly coming: number } }>>;
  readonly room: { readonly takenBytes: number; readonly waiting: number };
}

export interface Remains {
  readonly descriptors: number;
  readonly cgroups: number;
  /** Zygotes and standbys, without the zygotes of single lambdas. */
  readonly processes: number;
  readonly zombies: readonly number[];
  readonly mounts: readonly string[];
  /** In worker_dir and its directory for what is under way. */
  readonly files: readonly string[];
  /** In the store: codes, and what is half made or half removed. */
  readonly codes: number;
}

/** `ofLambdas`: zygotes of single lambdas. */
export function remains(worker: Worker, ofLambdas: number): Remains {
  const inDir = (dir: string) => readdirSync(join(worker.workerDir, dir));
  return {
    descriptors: openDescriptors(worker.pid),
    cgroups: cgroups(worker).length,
    processes: inside(worker).length - ofLambdas,
    zombies: zombies(worker.pid),
    mounts: mounts(worker),
    files: [...inDir('.'), ...inDir('staging')].sort(),
    codes: inDir('store').filter((name) => name !== 'names').length,
  };
}

/** Looks at the worker until nothing goes on in it; the last look when that does not come. */
export async function atRest(worker: Worker): Promise<Counts> {
  for (let looks = 0; ; looks++) {
    const counts = await worker.status<Counts>();
    const { instances, inFlight, queued, sandboxes, runtimes } = counts;
    const making = Object.values(runtimes).some(({ standbys, slots }) => standbys < 1 || slots.coming > 0);
    if ((instances + inFlight + queued + sandboxes === 0 && !making) || looks === 100_000) return counts;
  }
}
