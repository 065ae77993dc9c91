// Containers that are hostile, or end while there is no engine: the engine is played, since with a real one neither can be had at the right moment.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { WorkerError } from '../../../../src/errors.ts';
import { Phases } from '../../../../src/observe/phases.ts';
import { Boxes } from '../../../../src/sandbox/docker/boxes.ts';
import { Container } from '../../../../src/sandbox/docker/container.ts';
import { Containers } from '../../../../src/sandbox/docker/containers.ts';
import { fakeEngine } from './fake-engine.ts';

const ready = Buffer.from([0, 0, 0, 0, 2, 1, 0, 0, 0, 0, 0, 0]);
const piece = Buffer.from([1, 0, 0, 0, 2, 4, 0, 0, 1, 0, 0, 0, 0x61]); // of the reply to request 1
const garbage = Buffer.alloc(12);

interface Played {
  /** What the process in the container does with its request. */
  process(line: Socket): void;
  /** What the engine does when it is to kill it. */
  kill(line: Socket | undefined, killed: () => void, reply: ServerResponse): void;
}

interface Told {
  /** How the call ended, and how many pieces of its reply came before. */
  readonly error: WorkerError;
  readonly pieces: number;
  readonly asked: readonly string[];
  readonly losses: number;
}

/** A container with one call, until nothing of it is left. */
async function played(t: TestContext, { process, kill }: Played): Promise<Told> {
  const dir = mkdtempSync(join(tmpdir(), 'container-'));
  t.after(() => rmSync(dir, { recursive: true }));
  const box = new Boxes(join(dir, 'boxes')).make('1');
  const asked: string[] = [];
  let line: Socket | undefined;
  let output: ServerResponse | undefined;
  const engine = await fakeEngine(t, ({ method, url = '' }, answer, reply) => {
    const what = /[^/?]*(?=\?|$)/.exec(url.replace(/.*\//, ''))?.[0] ?? '';
    asked.push(`${method} ${what}`);
    if (what === 'attach') {
      output = reply;
      reply.writeHead(200).flushHeaders();
    } else if (what === 'start') {
      const socket = connect(box.socket, () => socket.write(ready));
      socket.on('error', () => {}); // its close follows
      socket.once('data', () => process(socket));
      line = socket;
      answer(204);
    } else if (what === 'kill') kill(line, () => answer(204), reply);
    else if (what === 'wait') {
      output?.end();
      answer(200, { StatusCode: 137 });
    } else answer(200, { State: { ExitCode: 137, OOMKilled: false } });
  });
  t.after(() => output?.destroy());
  let onReady = (): void => {};
  const isReady = new Promise<void>((resolve) => (onReady = resolve));
  let losses = 0;
  const container = new Container(
    {
      ...{ id: '1', box, containers: new Containers(engine, dir), create: async () => 'c', onReady },
      ...{ onStarted: () => {}, onGone: () => {}, onLost: () => void losses++, log: (text) => assert.fail(text) },
    },
    undefined,
  );
  await isReady;
  let pieces = 0;
  const error = await new Promise<WorkerError>((failed) => {
    container.request({
      head: { id: 'id', method: 'POST', root: '/run/a', path: '', query: '', headers: [], client: '' },
      body: { first: new Uint8Array(0), rest: undefined },
      ...{ deadline: 0, phases: new Phases(0), loadOnly: false, answered: () => {}, begun: () => {}, ended: () => {} },
      chunk: () => void pieces++,
      failed,
    });
  });
  await container.closed;
  return { error, pieces, asked, losses };
}

test('the channel of a container that sends what is no frame is closed at once, and its call fails for that', {
  timeout: 20_000,
}, async (t) => {
  const { error, pieces, asked } = await played(t, {
    process: (line) => line.write(Buffer.concat([piece, garbage])),
    // It goes on until nobody listens.
    kill: (line, killed) => {
      line?.once('close', killed);
      line?.write(piece);
    },
  });
  assert.deepEqual([error.code, error.cause, pieces], ['sandbox-died', 'it sent something that is no frame', 1]);
  assert.deepEqual(asked.slice(-4), ['POST kill', 'POST wait', 'GET json', 'DELETE c']);
});

test('a call whose container ends while the engine is gone is one that has begun: no 503, after which it would be made again', async (t) => {
  const { error, losses } = await played(t, { process: (line) => line.destroy(), kill: (_line, _killed, reply) => reply.destroy() });
  assert.equal(error.code, 'sandbox-died');
  assert.ok(losses > 0);
});
