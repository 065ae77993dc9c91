// Keys that OpenLambda's configs have, or that are planned, and that do nothing in this version. They are checked in shape, so that a config
// written for OpenLambda starts; load.ts warns of each one that asks for something. A key is here only when ignoring it is safe: where it
// would not be (docker backend, a network for sandboxes, another kind of registry), schema.ts refuses the value instead.
import { z } from 'zod';

const object = () => z.record(z.string(), z.unknown(), 'an object').optional();
const string = () => z.string('a string').optional();
const boolean = () => z.boolean('true or false').optional();

export const inert = {
  Pkgs_dir: string(),
  pip_mirror: string(),
  import_cache_tree: z.union([z.string(), z.record(z.string(), z.unknown())], '"auto", "", a path, or a tree object').optional(),
  docker: z.strictObject({ runtime: string(), base_image: string(), socket: string() }, 'an object').optional(),
  installer_limits: object(),
  features: z
    .strictObject(
      { import_cache: string(), reuse_cgroups: boolean(), downsize_paused_mem: boolean(), enable_seccomp: boolean() },
      'an object',
    )
    .optional(),
  admin_token: string(),
  registry_auth: z.unknown().optional(),
  trace: object(),
  storage: object(),
  kafka: object(),
  sandbox_config: z.unknown().optional(),
};

export type InertKey = keyof typeof inert;

/** Why the key does nothing, as the end of a sentence. */
export const reasons: Readonly<Record<InertKey, string>> = {
  Pkgs_dir: 'packages are not installed by this version',
  pip_mirror: 'packages are not installed by this version',
  import_cache_tree: 'this version has one zygote, without packages',
  docker: 'this version has no docker backend',
  installer_limits: 'packages are not installed by this version',
  features: 'each of them is fixed in this version, and seccomp is always on',
  admin_token: 'this version has no admin API',
  registry_auth: 'this version reads registries from directories only',
  trace: 'the phases of every request are in its Server-Timing header',
  storage: 'a sandbox always has a private /tmp and read-only code',
  kafka: 'this version has no kafka triggers',
  sandbox_config: 'sandboxes take nothing from it',
};
