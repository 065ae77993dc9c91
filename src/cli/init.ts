// `worker init`: makes an environment, a directory with everything of one worker: config.json, the registry, the worker_dir.
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseConfig } from '../config/load.ts';
import { makeDirectory } from '../config/make-directory.ts';
import { because, Failure } from './failure.ts';
import { defaultDirectory } from './place.ts';

export interface InitOptions {
  readonly path?: string;
  readonly image?: string;
  readonly newbase?: true;
}

/** OpenLambda's environments listen here; its scripts and documents count on it. */
const port = 5000;

export function init({ path = defaultDirectory, image, newbase }: InitOptions): void {
  const dir = resolve(path);
  if (image !== undefined || newbase)
    process.stdout.write('-i and -b have no effect: sandboxes use /usr of this machine (config key sock_base_path)\n');
  const made = makeEnvironment(dir);
  process.stdout.write(
    made
      ? `made ${dir}: config.json (port ${port}), registry/, worker/\nYou may change config.json; then start the worker: worker up -p ${path}\n`
      : `${dir} is an environment already: its config.json and registry stay as they are\n`,
  );
}

/** False when it is there already: code and settings of others are not for us to remove. */
export function makeEnvironment(dir: string): boolean {
  const configFile = join(dir, 'config.json');
  if (existsSync(configFile)) return false;
  try {
    if (existsSync(dir) && readdirSync(dir).length > 0)
      throw new Failure(`make an environment in "${dir}": it has files and no config.json (name an empty or a new directory)`);
    for (const part of ['registry', 'worker']) makeDirectory(join(dir, part));
    writeFileSync(configFile, `${JSON.stringify(environmentConfig(dir), undefined, 2)}\n`, { flag: 'wx' });
    return true;
  } catch (cause) {
    if (cause instanceof Failure) throw cause;
    throw new Failure(`make an environment in "${dir}": ${because(cause)}`, { cause });
  }
}

/** Every key with its default, as OpenLambda writes them, so that people see what there is, and scripts find the key that they change. */
export function environmentConfig(dir: string): object {
  const {
    adminApi: _,
    docker,
    ...defaults
  } = parseConfig({
    worker_port: port,
    sandbox: 'sock',
    worker_dir: join(dir, 'worker'),
    registry: join(dir, 'registry'),
  });
  return {
    ...defaults,
    docker: { ...docker, socket: '' },
    import_cache_tree: '',
    features: { import_cache: '', reuse_cgroups: true, downsize_paused_mem: false, enable_seccomp: true },
    storage: { root: '', scratch: '', code: '' },
  };
}
