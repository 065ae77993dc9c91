// The kinds of traffic of the soak, and how often each comes.
import { once } from 'node:events';
import { existsSync, renameSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { tarGz } from '../../unit/registry/archives.ts';
import { inside } from '../traces.ts';
import { type Client, type Expected, echoed } from './client.ts';
import { cold, hogs, version } from './lambdas.ts';
import * as leaving from './leaving.ts';
import { connection, head } from './senders.ts';

type Kind = (client: Client) => Promise<unknown>;

const weighted: readonly (readonly [weight: number, kind: Kind])[] = [
  [30, (client) => client.ask('warm', 'warm')],
  [20, (client) => client.ask('cold', client.random.pick(cold))],
  [4, (client) => client.ask('once', 'once')],
  [4, (client) => client.ask('several', 'several')],
  [4, (client) => client.ask('node', 'node')],
  [4, (client) => client.ask('native', 'native')],
  [4, (client) => client.ask('slow', 'slow')],
  [2, (client) => client.ask('large', 'large')],
  [4, (client) => client.ask('raises', 'raises', { 500: (text, id) => text.includes(`ValueError: ${id}`) })],
  [2, (client) => client.ask('exits', 'exits', { 502: (text) => text.includes('exit code 3') })],
  [2, (client) => client.ask('crashes', 'crashes', { 502: (text) => text.includes('SIGSEGV') })],
  [1, (client) => client.ask('late', 'late', { 504: (text) => text.includes('"time-limit"') })],
  [2, (client) => client.ask('unknown', `unknown-${client.random.below(1e6)}`, { 404: (text) => text.includes('"lambda-unknown"') })],
  [1, tooLarge],
  [1, killed],
  [2, redeployed],
  [2, uploaded],
  [1, flooded],
  [1, crowded],
  [1, crammed],
  [2, polled],
  [3, (client) => streamed(client, 1)],
  [2, (client) => streamed(client, 8)],
  [2, leaving.atOnce],
  [2, leaving.whileSending],
  [2, leaving.whileStreaming],
  [2, leaving.whileStarting],
  [2, leaving.whileRunning],
  [1, leaving.whileSpinning],
  [1, leaving.whileQueued],
  [3, leaving.duringReply],
];

export const kinds: readonly Kind[] = weighted.flatMap(([weight, kind]) => Array<Kind>(weight).fill(kind));

/** A body over the limit, of which nothing is sent. */
async function tooLarge(client: Client): Promise<void> {
  const id = client.id('too-large');
  const socket = connection(client.stage.worker.port);
  socket.write(head({ path: '/run/warm', id, body: Buffer.alloc(0) }, { connection: 'close' }, 9 << 20));
  const text = `${await buffer(socket)}`;
  client.judge('too-large', id, { status: Number(text.split(' ')[1]), text }, { 413: () => true });
}

/** Its sandbox is killed from outside, if it is found in time. */
async function killed(client: Client): Promise<void> {
  let over = false;
  const call = client.ask('killed', 'victim', { 200: echoed, 502: (text) => text.includes('SIGKILL') }).finally(() => (over = true));
  while (!over) {
    for (const pid of inside(client.stage.worker)) if (existsSync(`/proc/${pid}/root/handler/victim`)) kill(pid);
    await client.ask('beside', 'warm');
  }
  await call;
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** New code takes over, and calls meanwhile get the one or the other. */
async function redeployed(client: Client): Promise<void> {
  const { stage } = client;
  const n = ++stage.versions;
  const fresh = join(stage.worker.dir, 'fresh');
  writeFileSync(fresh, version(n));
  renameSync(fresh, join(stage.worker.registry, 'renamed/f.py'));
  await untilVersion(client, 'renamed', (answered) => answered >= n);
}

/** The client's own lambda, over HTTP: put, put again, deleted. */
async function uploaded(client: Client): Promise<void> {
  const { worker, ledger } = client.stage;
  const name = `uploaded-${client.number}`;
  const path = `/registry/${name}`;
  for (const n of [1, 2]) {
    const { status, text } = await worker.call('', tarGz({ name: 'f.py', content: version(n) }), { path });
    if (status !== 201) ledger.problem(`POST ${path} was answered ${status}: ${text}`);
    await untilVersion(client, name, (answered) => answered === n);
  }
  const { status, text } = await worker.call('', undefined, { path, method: 'DELETE' });
  if (status !== 200 && status !== 204) ledger.problem(`DELETE ${path} was answered ${status}: ${text}`);
  const either: Expected = { 200: echoed, 404: (said) => said.includes('"lambda-unknown"') };
  while ((await client.ask('deleted', name, either)).status !== 404);
}

async function untilVersion(client: Client, lambda: string, reached: (version: number) => boolean): Promise<void> {
  const old: Expected = { 200: echoed, 404: () => lambda !== 'renamed' };
  for (;;) {
    const { status, text } = await client.ask('redeployed', lambda, old);
    if (status === 200 && reached((JSON.parse(text) as { version: number }).version)) return;
  }
}

/** More than the queue of one lambda takes. */
async function flooded(client: Client): Promise<void> {
  await Promise.all(Array.from({ length: 30 }, () => client.ask('flooded', 'tight')));
}

/** More lambdas at once than there is room for. */
async function crowded(client: Client): Promise<void> {
  await Promise.all(cold.map((lambda) => client.ask('crowded', lambda)));
}

/** All room is taken by what works: who may not wait is refused. */
async function crammed(client: Client): Promise<void> {
  const taking = hogs.flatMap((lambda) => Array.from({ length: 6 }, () => client.ask('hogs', lambda)));
  for (let n = 0; n < 5; n++) await client.ask('crammed', 'unqueued');
  await Promise.all(taking);
}

async function polled({ random, stage: { worker, ledger } }: Client): Promise<void> {
  const path = random.pick(['/stats', '/metrics', '/trace?limit=100', '/trace?limit=20&format=chrome', '/debug', '/status', '/registry/']);
  const { status, text } = await worker.call('', undefined, { path, method: 'GET' });
  if (status !== 200 || text.length < 3) ledger.problem(`GET ${path} was answered ${status}: ${text}`);
}

/** Up and down at the same time; one that reads slowly does something else after so many chunks. */
async function streamed(client: Client, slowness: number): Promise<void> {
  const kind = slowness > 1 ? 'slow-reader' : 'streamed';
  const id = client.id(kind);
  const body = Buffer.concat([Buffer.from(`${id}\n`), client.random.bytes(client.random.below(1 << 20))]);
  const headers = { 'x-request-id': id, 'transfer-encoding': 'chunked' };
  const asked = request({ host: '127.0.0.1', port: client.stage.worker.port, path: '/run/stream', method: 'POST', headers, agent: false });
  for (let at = 0; at < body.length; at += 100_000) asked.write(body.subarray(at, at + 100_000));
  asked.end();
  const [reply] = await once(asked, 'response');
  const chunks: Buffer[] = [];
  for await (const chunk of reply) {
    chunks.push(chunk);
    if (slowness > 1 && chunks.length % slowness === 0) await client.ask('beside', 'warm');
  }
  const got = Buffer.concat(chunks);
  const same = { 200: () => got.equals(body) };
  client.judge(kind, id, { status: reply.statusCode, text: got.length < 2000 ? `${got}` : `${got.length} bytes` }, same);
}
