// One request and its whole reply, by each of the clients of the soak.
import { execFile, spawnSync } from 'node:child_process';
import { Agent as HttpAgent, request as httpRequest } from 'node:http';
import { connect, type Socket } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { Agent as UndiciAgent, request as undiciRequest } from 'undici';

export interface Asked {
  readonly path: string;
  readonly id: string;
  readonly body: Buffer;
}

export interface Replied {
  readonly status: number;
  readonly text: string;
}

export type Sender = (asked: Asked) => Promise<Replied>;

export interface Senders {
  readonly all: readonly Sender[];
  close(): Promise<void>;
}

export function senders(port: number): Senders {
  const undici = new UndiciAgent({ connections: 8, pipelining: 1 });
  const http = new HttpAgent({ keepAlive: true, maxSockets: 8 });
  const curl = spawnSync('curl', ['--version']).status === 0 ? [viaCurl(port)] : [];
  return {
    // A new process for each request is dear: curl is one of many.
    all: [...Array(10).fill(viaUndici(port, undici)), ...Array(10).fill(viaHttp(port, http)), ...Array(4).fill(viaSocket(port)), ...curl],
    close: async () => {
      http.destroy();
      await undici.close();
    },
  };
}

function viaUndici(port: number, dispatcher: UndiciAgent): Sender {
  return async ({ path, id, body }) => {
    const reply = await undiciRequest(`http://127.0.0.1:${port}${path}`, {
      dispatcher,
      method: 'POST',
      headers: { 'x-request-id': id },
      body,
    });
    return { status: reply.statusCode, text: await reply.body.text() };
  };
}

function viaHttp(port: number, agent: HttpAgent): Sender {
  return ({ path, id, body }) =>
    new Promise((resolve, reject) => {
      const headers = { 'x-request-id': id, 'content-length': body.length };
      const asked = httpRequest({ host: '127.0.0.1', port, path, agent, method: 'POST', headers });
      asked.once('error', reject);
      asked.once('response', (reply) => {
        buffer(reply).then((bytes) => resolve({ status: reply.statusCode ?? 0, text: `${bytes}` }), reject);
      });
      asked.end(body);
    });
}

/** Reads until the worker closes, so that a second reply to the same request would be seen. */
function viaSocket(port: number): Sender {
  return async (asked) => {
    const socket = connect({ host: '127.0.0.1', port });
    socket.write(Buffer.concat([head(asked, { connection: 'close' }), asked.body]));
    return parsed(`${await buffer(socket)}`);
  };
}

/** What came on a connection from its first to its last byte: one reply, whole, or it throws. */
function parsed(all: string): Replied {
  const [head = '', body] = [all.slice(0, all.indexOf('\r\n\r\n')), all.slice(all.indexOf('\r\n\r\n') + 4)];
  const status = Number(/^HTTP\/1\.1 (\d+) /.exec(head)?.[1]);
  const length = /^content-length: (\d+)$/im.exec(head)?.[1];
  const text = length === undefined ? unchunked(body) : body;
  if (Number.isNaN(status) || text === undefined || (length !== undefined && Buffer.byteLength(body) !== Number(length)))
    throw new Error(`no single reply on the connection: ${all.slice(0, 800)}`);
  return { status, text };
}

/** Undefined when there is not exactly one body in it. */
function unchunked(body: string): string | undefined {
  let text = '';
  for (let at = 0; ; ) {
    const end = body.indexOf('\r\n', at);
    const length = Number.parseInt(body.slice(at, end), 16);
    if (end < 0 || Number.isNaN(length)) return undefined;
    text += body.slice(end + 2, end + 2 + length);
    at = end + 2 + length + 2;
    if (length === 0) return at === body.length ? text : undefined;
  }
}

function viaCurl(port: number): Sender {
  return ({ path, id, body }) =>
    new Promise((resolve, reject) => {
      const args = ['-sS', '-H', `x-request-id: ${id}`, '--data-binary', '@-', '-w', '\n%{http_code}', `http://127.0.0.1:${port}${path}`];
      const child = execFile('curl', args, { maxBuffer: 1 << 24 }, (error, stdout) => {
        const end = stdout.lastIndexOf('\n');
        if (error === null) resolve({ status: Number(stdout.slice(end + 1)), text: stdout.slice(0, end) });
        else reject(error);
      });
      child.stdin?.end(body);
    });
}

/** The head of a POST. `length`: what it announces, if not the length of its body. */
export function head({ path, id, body }: Asked, headers: Readonly<Record<string, string>> = {}, length = body.length): Buffer {
  const lines = Object.entries({ host: 'soak', 'x-request-id': id, 'content-length': `${length}`, ...headers });
  return Buffer.from(`POST ${path} HTTP/1.1\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`);
}

/** A connection to a worker that may cut it. */
export function connection(port: number): Socket {
  return connect({ host: '127.0.0.1', port }).on('error', () => {}); // whoever goes away hears of it, too
}
