// `worker logs`: what a lambda has printed lately, and with -f what it prints from now on. The running worker keeps it.
import { once } from 'node:events';
import { ask, textOf } from './client.ts';
import { Failure } from './failure.ts';
import { holderOf } from './holder.ts';
import { type PlaceOptions, placeOf } from './place.ts';

export interface LogsOptions extends PlaceOptions {
  readonly follow?: true;
  readonly lines?: number;
}

/** Ends when the worker does, or whoever reads the output. */
export async function logs(lambda: string, { follow, lines, ...options }: LogsOptions): Promise<void> {
  const place = placeOf(options);
  if (holderOf(place.lock) === undefined)
    throw new Failure(
      `show the log of "${lambda}": no worker runs in ${place.workerDir} (the log of a worker that has ended is its log_output)`,
    );
  const query = new URLSearchParams({ ...(lines !== undefined && { n: `${lines}` }), ...(follow && { follow: '1' }) });
  const reply = await ask(place, { path: `/logs/${encodeURIComponent(lambda)}?${query}` });
  if (reply.statusCode !== 200) await textOf(reply, 200);
  process.stdout.on('error', () => process.exit(0)); // `| head` has seen enough
  try {
    for await (const chunk of reply) if (!process.stdout.write(chunk)) await once(process.stdout, 'drain');
  } catch (cause) {
    throw new Failure('follow the log: the worker has ended', { cause });
  }
}
