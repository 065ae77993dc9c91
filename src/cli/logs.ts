// `worker logs`: what a lambda has printed lately, and with -f what it prints from now on. The running worker keeps it.
import { pipeline } from 'node:stream/promises';
import { ask, textOf } from './client.ts';
import { because, codeOf, Failure } from './failure.ts';
import { holderOf } from './holder.ts';
import { type PlaceOptions, placeOf } from './place.ts';

export interface LogsOptions extends PlaceOptions {
  readonly follow?: true;
  readonly lines?: number;
}

/** Ends when the worker does, or whoever reads the output. */
export async function logs(lambda: string, { follow, lines, ...options }: LogsOptions): Promise<void> {
  const place = placeOf(options);
  const attempt = `show the log of "${lambda}"`;
  if (holderOf(place.lock) === undefined)
    throw new Failure(
      `${attempt}: no worker runs in ${place.workerDir} (the log of one that has ended is what its config calls log_output)`,
    );
  const query = new URLSearchParams({ ...(lines !== undefined && { n: `${lines}` }), ...(follow && { follow: '1' }) });
  const reply = await ask(place, { path: `/logs/${encodeURIComponent(lambda)}?${query}` });
  try {
    if (reply.statusCode !== 200) await textOf(reply, 200);
    await pipeline(reply, process.stdout, { end: false });
  } catch (cause) {
    if (codeOf(cause) === 'EPIPE') return; // `| head` has seen enough
    throw new Failure(`${attempt}: ${codeOf(cause) === 'ECONNRESET' ? 'the worker has ended' : because(cause)}`, { cause });
  }
}
