// `worker up`: runs the worker of an environment, here or detached. Makes the environment where there is none, as OpenLambda does.
import { join, resolve } from 'node:path';
import { detached } from './detached.ts';
import { Failure } from './failure.ts';
import { holderOf } from './holder.ts';
import { makeEnvironment } from './init.ts';
import { defaultDirectory } from './place.ts';
import { checked, run } from './run.ts';

export interface UpOptions {
  readonly path?: string;
  readonly options: readonly string[];
  readonly detach?: true;
  readonly image?: string;
}

export async function up({ path = defaultDirectory, options, detach }: UpOptions): Promise<void> {
  const dir = resolve(path);
  if (makeEnvironment(dir)) process.stdout.write(`made ${dir}: there was no environment\n`);
  const config = join(dir, 'config.json');
  check(config, options);
  if (!detach) return await run({ config, options });
  const { pid, url, log } = await detached({ dir, args: ['up', '-p', dir, ...options.flatMap((text) => ['-o', text])] });
  process.stdout.write(`Ready!\n\tPID: ${pid}\n\tURL: ${url}\n\tLog File: ${log}\n`);
}

/** Before anything is started, so that it is told at once. That two never run is what the lock is for. */
function check(config: string, options: readonly string[]): void {
  const { worker_dir: workerDir } = checked({ config, options });
  const pid = holderOf(join(workerDir, 'lock'));
  if (pid !== undefined) throw new Failure(`start a worker in "${workerDir}": one runs there, pid ${pid} (worker down stops it)`);
}
