// `worker up`: runs the worker of an environment, here or detached. Makes the environment where there is none, as OpenLambda does.
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Config } from '../config/load.ts';
import { directoryOf } from '../registry/registries.ts';
import { detached } from './detached.ts';
import { because, Failure, say } from './failure.ts';
import { holderOf } from './holder.ts';
import { environmentConfig, makeEnvironment } from './init.ts';
import { defaultDirectory } from './place.ts';
import { leave, sweep, takeBack } from './record.ts';
import { checked, checkedContent, type RunOptions, run } from './run.ts';

export interface UpOptions {
  readonly path?: string;
  readonly options: readonly string[];
  readonly detach?: true;
  readonly image?: string;
}

/** All is checked before anything is made or started, so that it is told at once and leaves nothing. */
export async function up({ path = defaultDirectory, options, detach }: UpOptions): Promise<void> {
  const dir = resolve(path);
  const file: RunOptions = { config: join(dir, 'config.json'), options };
  const config = existsSync(file.config) ? checked(file) : checkedContent(environmentConfig(dir), file);
  refuseSecond(config);
  if (makeEnvironment(dir)) process.stdout.write(`made ${dir}: there was no environment\n`);
  if (detach) {
    const { pid, url, log } = await detached({ dir, args: ['up', '-p', dir, ...options.flatMap((text) => ['-o', text])] });
    process.stdout.write(`Ready!\n\tPID: ${pid}\n\tURL: ${url}\n\tLog File: ${log}\n`);
    return;
  }
  record(dir, config, config.worker_port);
  process.once('exit', () => takeBack(dir));
  // Port 0 is a free one, and then known.
  await run({ ...file, onListening: (url) => record(dir, config, Number(new URL(url).port) || 80) });
}

/** That two never run in a directory is what the lock is for; this is to tell it well. */
function refuseSecond({ worker_dir: workerDir }: Config): void {
  const pid = holderOf(join(workerDir, 'lock'));
  if (pid !== undefined) throw new Failure(`start a worker in "${workerDir}": one runs there, pid ${pid} (worker down stops it)`);
}

/** Where it will be found by other commands. */
function record(dir: string, config: Config, port: number): void {
  const { worker_dir, worker_url, sandbox, docker, drain_ms, limits } = config;
  const registry = directoryOf(config);
  try {
    sweep(dir, worker_dir);
    leave(dir, {
      worker_dir,
      worker_url,
      worker_port: port,
      ...(registry !== undefined && { registry }),
      sandbox,
      ...(sandbox === 'docker' && { 'docker.socket': docker.socket }),
      drain_ms,
      'limits.runtime_sec': limits.runtime_sec,
    });
  } catch (cause) {
    say(`note in "${dir}" where its worker runs: ${because(cause)}; other commands need the same -o to find it, ignoring`);
  }
}
