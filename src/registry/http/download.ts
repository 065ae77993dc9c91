// One attempt to get one package from a remote registry into a file.
import { createWriteStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import type { Client, Reply } from './client.ts';
import { Failed, failedConnection } from './failed.ts';
import { follow } from './following.ts';
import { checkedBody, checkHead, type Expected } from './package-reply.ts';
import type { Remote } from './remote.ts';
import { retryAfterMs } from './retrying.ts';
import { conditions, type Validators, validatorsOf } from './versions.ts';

export interface Wanted extends Expected {
  /** Of the version that is there already. */
  readonly known: Validators;
  /** Where to write it; called when it comes. */
  into(): string;
  readonly signal: AbortSignal;
}

export type Downloaded =
  /** It is what `known` says. */
  | { readonly at: 'unchanged' }
  | { readonly at: 'here'; readonly path: string; readonly validators: Validators }
  | { readonly at: 'missing' }
  /** The registry lets nobody see whether there is one: many answer so for what is missing. */
  | { readonly at: 'forbidden'; readonly status: number };

/** Rejects with Failed, with an error of the file system when this node cannot store it, or with the reason of the signal. */
export async function download(client: Client, remote: Remote, wanted: Wanted): Promise<Downloaded> {
  const { url, known, signal } = wanted;
  const unlessKnown = conditions(known);
  const headers = { 'accept-encoding': 'identity', 'user-agent': 'sock-worker', ...unlessKnown };
  const reply = await follow(client, remote, { url, headers, signal });
  try {
    const { status } = reply;
    if (status === 200) {
      checkHead(reply, wanted);
      const path = wanted.into();
      await save(reply, path, wanted);
      return { at: 'here', path, validators: validatorsOf(reply) };
    }
    if (status === 304 && Object.keys(unlessKnown).length > 0) return { at: 'unchanged' };
    if (status === 404 || status === 410) return { at: 'missing' };
    if (status === 401 || status === 403) return { at: 'forbidden', status };
    const again = status === 408 || status === 429 || (status >= 500 && status !== 501);
    throw new Failed(url, `it answered ${status}`, { again, afterMs: retryAfterMs(reply.header('retry-after'), Date.now()) });
  } finally {
    reply.drop();
  }
}

async function save(reply: Reply, path: string, wanted: Wanted): Promise<void> {
  const file = createWriteStream(path, { mode: 0o600 });
  let unwritten: Error | undefined;
  file.once('error', (error: NodeJS.ErrnoException) => {
    if (error.syscall === 'open' || error.syscall === 'write') unwritten = error; // else what the pipeline hands on
  });
  try {
    await pipeline(reply.body, (chunks: AsyncIterable<Buffer>) => checkedBody(chunks, wanted), file);
  } catch (cause) {
    if (unwritten !== undefined) throw unwritten;
    throw wanted.signal.aborted ? wanted.signal.reason : failedConnection(wanted.url, cause);
  }
}
