// Clients that go away before they have their answer, at every stage of a call.
import { once } from 'node:events';
import type { Socket } from 'node:net';
import type { Client } from './client.ts';
import { connection, head } from './senders.ts';

const mib = 1 << 20;

interface Leaving {
  /** Bytes of the body that its head announces; of those `sent` are sent. Absent: an event with the id. */
  readonly announced?: number;
  readonly sent?: number;
}

/** Sends a request for the lambda, is with it until `stage` is over, and goes. */
async function leaves(
  client: Client,
  kind: string,
  lambda: string,
  stage: (socket: Socket) => unknown,
  leaving: Leaving = {},
): Promise<void> {
  const { worker, ledger } = client.stage;
  const id = client.id(kind);
  const { announced, sent } = leaving;
  const body = announced === undefined ? Buffer.from(JSON.stringify({ id })) : Buffer.alloc(sent ?? announced, 'x');
  const socket = connection(worker.port);
  socket.write(Buffer.concat([head({ path: `/run/${lambda}`, id, body }, {}, announced), body]));
  await stage(socket);
  socket.destroy();
  ledger.note(kind, id, 'gone');
}

/** As long as another call takes. */
const meanwhile = (client: Client) => () => client.ask('beside', 'warm');
/** Until something of the reply is there. */
const reading = (socket: Socket) => Promise.race([once(socket, 'data'), once(socket, 'close')]);
const written = (socket: Socket) => Promise.race([once(socket, 'drain'), once(socket, 'close')]);

export const atOnce = (client: Client) => leaves(client, 'at-once', 'warm', () => {});
export const whileSending = (client: Client) => leaves(client, 'sending', 'warm', meanwhile(client), { announced: 1000, sent: 500 });
export const whileStreaming = (client: Client) => leaves(client, 'streaming', 'stream', written, { announced: 3 * mib, sent: mib });
export const whileStarting = (client: Client) => leaves(client, 'starting', 'once', meanwhile(client));
export const whileRunning = (client: Client) => leaves(client, 'running', 'slow', meanwhile(client));
export const whileSpinning = (client: Client) => leaves(client, 'spinning', 'late', meanwhile(client));
export const duringReply = (client: Client) => leaves(client, 'during', client.random.pick(['flood', 'large']), reading);

export async function whileQueued(client: Client): Promise<void> {
  await Promise.all(Array.from({ length: 5 }, () => leaves(client, 'queued', 'tight', meanwhile(client))));
}
