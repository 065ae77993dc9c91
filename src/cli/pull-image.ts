// `worker pull IMAGE`: an image that a lambda, or the base of all of them, will need. A worker that runs is asked, since the node's images are its own.
import type { IncomingMessage } from 'node:http';
import { createInterface } from 'node:readline';
import type { Images } from '../registry/oci/images.ts';
import type { PullProgress } from '../registry/oci/progress.ts';
import { ask, textOf } from './client.ts';
import { Failure } from './failure.ts';
import type { Place } from './place.ts';
import { progressBar } from './progress-bar.ts';

/** The name of a lambda has none of these. */
export function isImage(name: string): boolean {
  return /[:/@]/.test(name);
}

export async function pullImage(images: Images, image: string, signal: AbortSignal): Promise<void> {
  await images.bring(image, { signal, onProgress: progressBar(process.stdout) });
}

export async function askForImage(place: Place, image: string): Promise<void> {
  const reply = await ask(place, { method: 'POST', path: `/images/pull?${new URLSearchParams({ image })}` });
  if (reply.statusCode !== 200) await textOf(reply, 200);
  const show = progressBar(process.stdout);
  let last: PullProgress | undefined;
  for await (const progress of progresses(reply)) {
    last = progress;
    show(progress);
  }
  if (last?.at !== 'done') throw new Failure(last?.error ?? 'the worker went away');
}

async function* progresses(reply: IncomingMessage): AsyncGenerator<PullProgress> {
  for await (const line of createInterface({ input: reply })) yield JSON.parse(line) as PullProgress;
}

/** Ctrl-C leaves nothing half-made. */
export function interrupted(): AbortSignal {
  const controller = new AbortController();
  process.once('SIGINT', () => controller.abort(new Failure('interrupted', { exitCode: 130 })));
  return controller.signal;
}
