// `worker down`: tells the worker to stop, and waits until it has ended.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { because, codeOf, Failure } from './failure.ts';
import { holderOf } from './holder.ts';
import { type PlaceOptions, placeOf } from './place.ts';

export interface DownOptions extends PlaceOptions {
  /** Seconds, after which it is killed. Absent: what its config lets calls take, and 40 more. */
  readonly timeout?: number;
}

/** What was killed takes no longer than the kernel needs to free its memory. */
const killedMs = 30_000;

export function down(options: DownOptions): void {
  const { lock, workerDir, socket, stopMs } = placeOf(options);
  const pid = holderOf(lock);
  if (pid === undefined) {
    const left = existsSync(socket) ? '; one that was killed has left something (worker force-cleanup removes it, or the next start)' : '';
    process.stdout.write(`no worker runs in ${workerDir}${left}\n`);
    return;
  }
  signal(pid, 'SIGUSR2'); // see Signals
  process.stdout.write(`stopping pid ${pid}: it finishes the calls that it has accepted\n`);
  const limit = options.timeout === undefined ? stopMs : options.timeout * 1000;
  if (ended(lock, limit)) {
    process.stdout.write('stopped\n');
    return;
  }
  signal(pid, 'SIGKILL');
  const gone = ended(lock, killedMs);
  const what = gone
    ? 'killed it; the next start removes what it has left, or worker force-cleanup'
    : 'it cannot be killed either (see dmesg)';
  throw new Failure(`stop pid ${pid}: it did not end in ${limit / 1000} s; ${what}`);
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (cause) {
    if (codeOf(cause) === 'ESRCH') return; // it has just ended
    throw new Failure(`stop pid ${pid}: ${because(cause)}${codeOf(cause) === 'EPERM' ? '; use sudo' : ''}`, { cause });
  }
}

/** Waits for the lock, which the kernel drops when the process ends. Node cannot wait for it, flock(1) of util-linux can. */
function ended(lock: string, ms: number): boolean {
  const { status, error, stderr } = spawnSync('flock', ['--timeout', `${ms / 1000}`, lock, 'true'], { encoding: 'utf8' });
  if (error !== undefined)
    throw new Failure(`wait for the end of the worker with flock: ${because(error)} (it is in util-linux)`, { cause: error });
  if (status !== 0 && stderr !== '') throw new Failure(`wait for the end of the worker: ${stderr.trim()}`);
  return status === 0;
}
