// An engine that answers as a test says.
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { Engine } from '../../../../src/sandbox/docker/engine.ts';

/** `answer`: the status, and one or several JSON values; `reply`: for what is no such answer. */
export type Answering = (asked: IncomingMessage, answer: (status: number, ...values: object[]) => void, reply: ServerResponse) => void;

export async function fakeEngine(t: TestContext, answering: Answering): Promise<Engine> {
  const engine = await Engine.open(await fakeSocket(t, answering));
  t.after(() => engine.close());
  return engine;
}

/** The socket of one. */
export async function fakeSocket(t: TestContext, answering: Answering): Promise<string> {
  const dir = mkdtempSync(join(tmpdir(), 'engine-'));
  const socket = join(dir, 's');
  const server = createServer((asked, reply) => {
    const answer = (status: number, ...values: object[]): void => {
      reply.writeHead(status, { 'content-type': 'application/json' });
      reply.end(values.map((value) => `${JSON.stringify(value)}\n`).join(''));
    };
    answering(asked, answer, reply);
  });
  server.listen(socket);
  await once(server, 'listening');
  t.after(() => {
    server.close();
    rmSync(dir, { recursive: true });
  });
  return socket;
}
