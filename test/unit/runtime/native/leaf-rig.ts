// A program of a runtime as the worker has it, but without a sandbox: the channel is its descriptor 3.
import { type ChildProcess, spawn } from 'node:child_process';
import type { Duplex, Readable } from 'node:stream';
import type { TestContext } from 'node:test';

export const type = { ready: 1, failed: 2, request: 3, body: 4, end: 5, reply: 6, cancel: 7, window: 8, log: 9, setup: 10 } as const;
export const flag = { last: 1, loadOnly: 2, broken: 1 } as const;
export const windowBytes = 1 << 18;
const headBytes = 12;
const timingBytes = 40;

export interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly number: number;
  readonly payload: Buffer;
}

export interface Reply {
  readonly status: number;
  readonly error: string | undefined;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
  readonly text: string;
  readonly broken: boolean;
  /** Frames of the body before the last one. */
  readonly pieces: number;
  /** born, sealed, received, loaded, handled: ns of CLOCK_MONOTONIC. */
  readonly timing: readonly bigint[];
}

export interface Head {
  readonly id?: string;
  readonly [name: string]: unknown;
}

export class Leaf {
  readonly child: ChildProcess;
  readonly stdout: Output;
  readonly stderr: Output;
  /** Its exit code and signal. */
  readonly ended: Promise<readonly [number | null, string | null]>;
  readonly #channel: Duplex;
  readonly #frames: Frame[] = [];
  #wake: (() => void) | undefined;
  #hungUp = false;
  /** Of each request's body: what may still be sent. */
  readonly #mayBeSent = new Map<number, number>();

  constructor(t: TestContext, command: readonly string[], environment: Readonly<Record<string, string>> = {}) {
    const [program = '', ...args] = command;
    const env = {
      PATH: process.env.PATH ?? '/usr/bin:/bin',
      HOME: '/tmp',
      SOCK_STANDBY: '0',
      SOCK_BORN: '0',
      SOCK_SEALED: '0',
      ...environment,
    };
    this.child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe', 'pipe'], env });
    t.after(() => this.child.kill('SIGKILL'));
    this.ended = new Promise((resolve) => this.child.once('close', (code, signal) => resolve([code, signal])));
    this.stdout = new Output(this.child.stdio[1] as Readable);
    this.stderr = new Output(this.child.stdio[2] as Readable);
    this.#channel = this.child.stdio[3] as Duplex;
    let kept: Buffer = Buffer.alloc(0);
    this.#channel.on('data', (bytes: Buffer) => {
      kept = this.#cut(Buffer.concat([kept, bytes]));
      this.#wake?.();
    });
    this.#channel.on('close', () => {
      this.#hungUp = true;
      this.#wake?.();
    });
    this.#channel.on('error', () => {}); // it has ended: `close` follows
  }

  hangUp(): void {
    this.#channel.destroy();
  }

  send(kind: number, number: number, payload: string | Uint8Array = '', flags = 0): void {
    this.#channel.write(frameOf(kind, number, payload, flags));
  }

  /** Each of the parts is on its way before the next is sent. */
  async sendRaw(...parts: readonly Buffer[]): Promise<void> {
    for (const part of parts) await new Promise<void>((resolve) => this.#channel.write(part, () => resolve()));
  }

  /** A request's first frame; the last of its body, too, unless flags say otherwise. */
  begin(number: number, body: string | Uint8Array, head: Head = {}, flags: number = flag.last): void {
    this.#mayBeSent.set(number, windowBytes - Buffer.byteLength(body as string));
    this.#channel.write(requestOf(number, body, head, flags));
  }

  /** Sends a request and gathers its reply, both under their windows. */
  async ask(number: number, body: string | Uint8Array = '', head: Head = {}): Promise<Reply> {
    const bytes = Buffer.from(body as string);
    const first = bytes.subarray(0, windowBytes);
    this.begin(number, first, head, first.length === bytes.length ? flag.last : 0);
    return this.reply(number, bytes.subarray(first.length));
  }

  /** Gathers a reply; `rest` of the request's body goes out as the window allows. */
  async reply(number: number, rest: Buffer = Buffer.alloc(0)): Promise<Reply> {
    const parts: Buffer[] = [];
    let head: { status?: number; error?: string; headers?: [string, string][] } = {};
    let waiting = rest;
    for (;;) {
      const frame = await this.next();
      if (frame === undefined) throw new Error(`the leaf has hung up; it said: ${this.stderr.text}`);
      if (frame.number !== number) throw new Error(`a frame of request ${frame.number}, type ${frame.type}`);
      if (frame.type === type.window) waiting = this.#sendMore(number, waiting, frame.payload.readUInt32LE(0));
      if (frame.type === type.reply) head = JSON.parse(frame.payload.subarray(timingBytes).toString());
      if (frame.type === type.body) {
        parts.push(frame.payload);
        this.grant(number, frame.payload.length);
      }
      if (frame.type !== type.end) continue;
      const body = Buffer.concat([...parts, frame.payload.subarray(timingBytes)]);
      return {
        status: head.status ?? 200,
        error: head.error,
        headers: Object.fromEntries(head.headers ?? [['content-type', 'application/json']]),
        body,
        text: body.toString(),
        broken: frame.flags === flag.broken,
        pieces: parts.length,
        timing: [0, 8, 16, 24, 32].map((at) => frame.payload.readBigUInt64LE(at)),
      };
    }
  }

  /** So many bytes of the reply's body are used up. */
  grant(number: number, bytes: number): void {
    const payload = Buffer.alloc(4);
    payload.writeUInt32LE(bytes, 0);
    this.send(type.window, number, payload);
  }

  /** The next frame; undefined when it has hung up. */
  async next(): Promise<Frame | undefined> {
    while (this.#frames.length === 0 && !this.#hungUp) await new Promise<void>((resolve) => (this.#wake = resolve));
    return this.#frames.shift();
  }

  #sendMore(number: number, bytes: Buffer, granted: number): Buffer {
    const may = (this.#mayBeSent.get(number) ?? 0) + granted;
    if (may > windowBytes) throw new Error('more of a window than there is');
    const now = bytes.subarray(0, may);
    this.#mayBeSent.set(number, may - now.length);
    if (now.length > 0) this.send(type.body, number, now, now.length === bytes.length ? flag.last : 0);
    return bytes.subarray(now.length);
  }

  #cut(bytes: Buffer): Buffer {
    let rest = bytes;
    while (rest.length >= headBytes && rest.length >= headBytes + rest.readUInt32LE(0)) {
      const end = headBytes + rest.readUInt32LE(0);
      if (rest[4] !== 2) throw new Error(`version ${rest[4]}`);
      this.#frames.push({
        type: rest[5] ?? 0,
        flags: rest.readUInt16LE(6),
        number: rest.readUInt32LE(8),
        payload: rest.subarray(headBytes, end),
      });
      rest = rest.subarray(end);
    }
    return rest;
  }
}

function frameOf(kind: number, number: number, payload: string | Uint8Array, flags: number): Buffer {
  const bytes = Buffer.from(payload as string);
  const head = Buffer.alloc(headBytes);
  head.writeUInt32LE(bytes.length, 0);
  head[4] = 2;
  head[5] = kind;
  head.writeUInt16LE(flags, 6);
  head.writeUInt32LE(number, 8);
  return Buffer.concat([head, bytes]);
}

/** The frame of a request. */
export function requestOf(number: number, body: string | Uint8Array, head: Head = {}, flags: number = flag.last): Buffer {
  const text = Buffer.from(JSON.stringify({ id: `id-${number}`, ...head }));
  const size = Buffer.alloc(2);
  size.writeUInt16LE(text.length, 0);
  return frameOf(type.request, number, Buffer.concat([size, text, Buffer.from(body as string)]), flags);
}

/** What a program has written to one of its log pipes. */
export class Output {
  text = '';
  readonly #waiting = new Set<() => void>();

  constructor(stream: Readable) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      this.text += text;
      for (const look of this.#waiting) look();
    });
  }

  /** Resolves when it has written this. */
  has(part: string): Promise<void> {
    return new Promise((resolve) => {
      const look = (): void => {
        if (!this.text.includes(part)) return;
        this.#waiting.delete(look);
        resolve();
      };
      this.#waiting.add(look);
      look();
    });
  }
}
