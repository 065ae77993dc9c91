// A container that is hostile: the engine is played, since a real one would end the container before all of it can be seen.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { WorkerError } from '../../../../src/errors.ts';
import { Phases } from '../../../../src/observe/phases.ts';
import { Boxes } from '../../../../src/sandbox/docker/boxes.ts';
import { Container } from '../../../../src/sandbox/docker/container.ts';
import { Containers } from '../../../../src/sandbox/docker/containers.ts';
import { fakeEngine } from './fake-engine.ts';

const ready = Buffer.from([0, 0, 0, 0, 2, 1, 0, 0, 0, 0, 0, 0]);
const piece = Buffer.from([1, 0, 0, 0, 2, 4, 0, 0, 1, 0, 0, 0, 0x61]); // of the reply to request 1
const garbage = Buffer.alloc(12);

test('the channel of a container that sends what is no frame is closed at once, and its call fails for that', {
  timeout: 20_000,
}, async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'container-'));
  t.after(() => rmSync(dir, { recursive: true }));
  const box = new Boxes(join(dir, 'boxes')).make('1');
  const asked: string[] = [];
  let line: Socket | undefined;
  let output: ServerResponse | undefined;
  const engine = await fakeEngine(t, ({ method, url = '' }, answer, reply) => {
    const what = /[^/]*$/.exec(url.replace(/\?.*/, ''))?.[0] ?? '';
    asked.push(`${method} ${what}`);
    if (what === 'attach') {
      output = reply;
      reply.writeHead(200).flushHeaders();
    } else if (what === 'start') {
      line = connect(box.socket, () => line?.write(ready));
      line.on('error', () => {}); // its close follows
      line.once('data', () => line?.write(Buffer.concat([piece, garbage])));
      answer(204);
    } else if (what === 'kill') {
      // It goes on until nobody listens.
      line?.write(piece);
      line?.once('close', () => answer(204));
    } else if (what === 'wait') {
      output?.end();
      answer(200, { StatusCode: 137 });
    } else answer(200, { State: { ExitCode: 137, OOMKilled: false } });
  });
  let onReady = (): void => {};
  const isReady = new Promise<void>((resolve) => (onReady = resolve));
  const container = new Container(
    {
      ...{ id: '1', box, containers: new Containers(engine, dir), create: async () => 'c', onReady },
      ...{ onStarted: () => {}, onGone: () => {}, onLost: () => {}, log: (text) => assert.fail(text) },
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
  assert.deepEqual([error.code, error.cause, pieces], ['sandbox-died', 'it sent something that is no frame', 1]);
  assert.deepEqual(asked.slice(-4), ['POST kill', 'POST wait', 'GET json', 'DELETE c']);
});
