// A leaf to talk to: the Python runtime on one end of a channel, the frames of native/core/wire.h on the other.
import { type ChildProcess, spawn } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../../../..', import.meta.url));
export const runtime = join(root, 'src/runtime/python');
const driver = join(root, 'test/unit/runtime/python/driver.py');
const headerBytes = 12;
const timingBytes = 40;
export const windowBytes = 1 << 18;

export const frame = { ready: 1, request: 3, body: 4, end: 5, reply: 6, cancel: 7, window: 8, log: 9, setup: 10 } as const;

export interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly request: number;
  readonly payload: Buffer;
}

export interface Ask {
  /** null: empty, which is no JSON. */
  readonly head?: Readonly<Record<string, unknown>> | null;
  readonly body?: string | Uint8Array;
  /** false: more of the body follows. */
  readonly last?: boolean;
  readonly loadOnly?: boolean;
}

/** What came of one request, put together. */
export interface Answer {
  readonly status: number;
  readonly headers: readonly (readonly [string, string])[] | undefined;
  readonly error: string | undefined;
  readonly body: Buffer;
  /** The pieces in which the body came. */
  readonly pieces: readonly string[];
  readonly logs: readonly (readonly [level: number, line: string])[];
  readonly broken: boolean;
  /** It asks for no more heads. */
  readonly headless: boolean;
  readonly loaded: boolean;
}

export interface LeafOptions {
  /** Path in the handler's directory -> content. */
  readonly files: Readonly<Record<string, string>>;
  readonly environment?: Readonly<Record<string, string>>;
  readonly rehearsals?: number;
}

export class Leaf {
  readonly process: ChildProcess;
  readonly #channel: Socket;
  readonly #frames: Frame[] = [];
  readonly stderr: Promise<string>;
  readonly stdout: Promise<string>;
  #received: Buffer = Buffer.alloc(0);
  readonly #news = new EventEmitter();
  #ended = false;
  #number = 0;

  constructor(process: ChildProcess) {
    this.process = process;
    this.#channel = process.stdio[3] as Socket;
    this.stdout = text(process.stdout as NodeJS.ReadableStream);
    this.stderr = text(process.stderr as NodeJS.ReadableStream);
    this.#channel.on('data', (data: Buffer) => this.#take(data));
    this.#channel.on('error', () => {}); // `close` follows
    this.#channel.on('close', () => {
      this.#ended = true;
      this.#news.emit('news');
    });
  }

  /** The next frame that fits. Rejects when the leaf has ended before it. */
  async next(fits: (frame: Frame) => boolean): Promise<Frame> {
    for (;;) {
      const at = this.#frames.findIndex(fits);
      const [found] = at < 0 ? [] : this.#frames.splice(at, 1);
      if (found !== undefined) return found;
      if (this.#ended) throw new Error(`the leaf has ended:\n${await this.stderr}`);
      await once(this.#news, 'news');
    }
  }

  /** Sends a request and gives its number. */
  ask({ head = {}, body = '', last = true, loadOnly = false }: Ask = {}): number {
    const number = ++this.#number;
    const json = Buffer.from(head === null ? '' : JSON.stringify({ id: `r${number}`, ...head }));
    const size = Buffer.alloc(2);
    size.writeUInt16LE(json.length);
    this.send(frame.request, number, Buffer.concat([size, json, Buffer.from(body)]), (last ? 1 : 0) | (loadOnly ? 2 : 0));
    return number;
  }

  body(number: number, bytes: string | Uint8Array, last: boolean): void {
    this.send(frame.body, number, Buffer.from(bytes), last ? 1 : 0);
  }

  used(number: number, bytes: number): void {
    const payload = Buffer.alloc(4);
    payload.writeUInt32LE(bytes);
    this.send(frame.window, number, payload);
  }

  setup(settings: unknown): void {
    this.send(frame.setup, 0, Buffer.from(JSON.stringify(settings)));
  }

  /** As the worker does it: the frame, then the signal. */
  cancel(number: number): void {
    this.send(frame.cancel, number, Buffer.alloc(0));
    this.process.kill('SIGURG');
  }

  send(type: number, request: number, payload: Buffer, flags = 0): void {
    const header = Buffer.alloc(headerBytes);
    header.writeUInt32LE(payload.length, 0);
    header.writeUInt8(2, 4);
    header.writeUInt8(type, 5);
    header.writeUInt16LE(flags, 6);
    header.writeUInt32LE(request, 8);
    this.write(Buffer.concat([header, payload]));
  }

  write(bytes: Buffer): void {
    this.#channel.write(bytes);
  }

  /** All of the reply; what it uses up is told at once. */
  async answer(number: number): Promise<Answer> {
    let head: { status?: number; headers?: [string, string][]; error?: string } = {};
    const pieces: Buffer[] = [];
    const logs: [number, string][] = [];
    for (;;) {
      const { type, flags, payload } = await this.next((f) => f.request === number && f.type !== frame.window && f.type !== frame.ready);
      if (type === frame.reply) head = JSON.parse(payload.toString('utf8', timingBytes));
      else if (type === frame.log) logs.push([payload.readUInt8(0), payload.toString('utf8', 1)]);
      else if (type === frame.body) {
        pieces.push(payload);
        this.used(number, payload.length);
      } else if (type === frame.end) {
        const rest = payload.subarray(timingBytes);
        if (rest.length > 0) pieces.push(rest);
        return {
          status: head.status ?? 200,
          headers: head.headers,
          error: head.error,
          body: Buffer.concat(pieces),
          pieces: pieces.map(String),
          logs,
          broken: flags === 1,
          headless: flags === 2,
          loaded: payload.readBigUInt64LE(24) !== 0n,
        };
      } else throw new Error(`no frame of a reply: ${type}`);
    }
  }

  call(ask?: Ask): Promise<Answer> {
    return this.answer(this.ask(ask));
  }

  /** The worker hangs up; gives the exit status. */
  async hangUp(): Promise<number | null> {
    const exit = once(this.process, 'exit');
    this.#channel.end();
    return (await exit)[0];
  }

  #take(data: Buffer): void {
    this.#received = Buffer.concat([this.#received, data]);
    for (;;) {
      if (this.#received.length < headerBytes) break;
      const end = headerBytes + this.#received.readUInt32LE(0);
      if (this.#received.length < end) break;
      const [type, flags, request] = [this.#received.readUInt8(5), this.#received.readUInt16LE(6), this.#received.readUInt32LE(8)];
      this.#frames.push({ type, flags, request, payload: this.#received.subarray(headerBytes, end) });
      this.#received = this.#received.subarray(end);
    }
    this.#news.emit('news');
  }
}

/** A leaf that has said it is ready. */
export async function startLeaf(t: TestContext, { files, environment = {}, rehearsals = 1 }: LeafOptions): Promise<Leaf> {
  const dir = mkdtempSync(join(tmpdir(), 'sock-python-'));
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(dir, name)), { recursive: true });
    writeFileSync(join(dir, name), content);
  }
  const python = process.env.PYTHON ?? 'python3';
  const child = spawn(python, ['-I', driver, runtime, dir, String(rehearsals)], {
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
    env: { ...process.env, ...environment },
  });
  t.after(() => {
    child.kill('SIGKILL');
    rmSync(dir, { recursive: true, force: true });
  });
  const leaf = new Leaf(child);
  await leaf.next((f) => f.type === frame.ready);
  return leaf;
}

/** A leaf whose f.py this is. */
export const leafOf = (t: TestContext, source: string, environment: Readonly<Record<string, string>> = {}): Promise<Leaf> =>
  startLeaf(t, { files: { 'f.py': source }, environment });
