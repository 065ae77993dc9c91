// What the docker backend stands on, found out once, at the worker's start: an engine that answers, what it can enforce, and the image of code packages.
import { join } from 'node:path';
import type { StandbyRange } from '../refill.ts';
import type { SandboxLimits } from '../sandbox.ts';
import { Containers } from './containers.ts';
import { Engine, EngineRefused } from './engine.ts';
import { hostImage } from './host-image.ts';
import { type Credentials, Images } from './images.ts';
import type { Base } from './kinds.ts';
import type { Uids } from './maker.ts';

export interface DockerOptions {
  /** Of the engine; an absolute path. */
  readonly socket: string;
  /** What code packages run in; '': made of this machine's own root. */
  readonly baseImage: string;
  /** The engine's OCI runtime; '': its default. */
  readonly runtime: string;
  /** Absolute. */
  readonly workerDir: string;
  readonly limits: SandboxLimits;
  /** Refuse to start where the engine cannot enforce a limit. */
  readonly strict: boolean;
  readonly standbys: StandbyRange;
  readonly uids: Uids;
  /** Who this worker is to a registry, by its host. */
  credentials(host: string): Credentials | undefined;
  log(level: 'info' | 'warn' | 'error', text: string, detail?: unknown): void;
}

export interface Parts {
  readonly engine: Engine;
  readonly containers: Containers;
  readonly images: Images;
  readonly uids: Uids;
  readonly base: BaseImage;
  /** The limits that the engine does not enforce. */
  readonly missing: readonly string[];
}

export interface BaseImage {
  /** Whether it is made of this machine's own root, whose /usr is mounted. */
  readonly isHost: boolean;
  /** As it was at the start. */
  readonly found: Found;
  /** Sees to it that the engine has it. */
  find(): Promise<Found>;
}

export type Found = Pick<Base, 'image' | 'volumes'>;

/** What is looked at of GET /info. */
interface Info {
  readonly SecurityOptions?: readonly string[] | null;
  readonly MemoryLimit?: boolean;
  readonly PidsLimit?: boolean;
  readonly CpuCfsQuota?: boolean;
}

/** Where the engine numbers users otherwise (rootless, userns-remap), and where the worker may not choose: nobody. */
export const nobody: Uids = { take: () => 65_534, give: () => {}, close: () => {} };

/** Rejects with what is wrong and how to mend it. */
export async function partsOf(options: DockerOptions): Promise<Parts> {
  const { socket, workerDir, uids, credentials } = options;
  const engine = await Engine.open(socket);
  try {
    const info = await engine.call<Info>('GET', '/info', { attempt: 'begin' });
    const missing = notEnforced(info);
    tell(missing, options);
    const containers = new Containers(engine, workerDir);
    await containers.sweep(new Set());
    const images = new Images(engine, credentials);
    const remapped = info.SecurityOptions?.some((option) => /^name=(rootless|userns)/.test(option)) === true;
    const base = await baseOf(images, options);
    if (remapped) uids.close();
    return { engine, containers, images, uids: remapped ? nobody : uids, base, missing };
  } catch (cause) {
    await engine.close();
    throw cause;
  }
}

async function baseOf(images: Images, { baseImage, workerDir, log }: DockerOptions): Promise<BaseImage> {
  const host = async (): Promise<Found> => ({ image: await hostImage(images, join(workerDir, 'docker', 'root')), volumes: [] });
  const given = async (): Promise<Found> => ({ image: baseImage, volumes: (await images.present(baseImage)).volumes });
  try {
    if (baseImage !== '') return { isHost: false, found: await given(), find: given };
  } catch (cause) {
    if (!(cause instanceof EngineRefused)) throw cause;
    log('warn', `no image "${baseImage}" (docker.base_image): code packages run on this machine's own /usr instead`, cause);
  }
  return { isHost: true, found: await host(), find: host };
}

function notEnforced({ MemoryLimit, PidsLimit, CpuCfsQuota }: Info): readonly string[] {
  const limits = { memory: MemoryLimit, pids: PidsLimit, cpu: CpuCfsQuota };
  return Object.entries(limits).flatMap(([name, enforced]) => (enforced === false ? [name] : []));
}

function tell(missing: readonly string[], { strict, log }: DockerOptions): void {
  if (missing.length === 0) return;
  const text = `the Docker Engine cannot limit ${missing.join(', ')} here, so these limits of sandboxes are not enforced`;
  if (strict) throw new Error(`${text}; limits.enforce is "strict"`);
  log('warn', text);
}
