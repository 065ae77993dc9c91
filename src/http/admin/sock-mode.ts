// `server_mode: sock`: single sandboxes, as OpenLambda's server of that name gives them: made of a directory or an archive, paused and ended by their id.
// Calling one (/run/<id>) is ours. It takes the place of the catalog.
import { createHash } from 'node:crypto';
import { type Stats, statSync } from 'node:fs';
import { isAbsolute } from 'node:path';
import { text } from 'node:stream/consumers';
import { z } from 'zod';
import { shown } from '../../config/problem-line.ts';
import { problemLines } from '../../config/problems.ts';
import { WorkerError } from '../../errors.ts';
import type { Call, Outcome } from '../../lambda/call.ts';
import { Phases } from '../../observe/phases.ts';
import type { OpStats } from '../../observe/stats.ts';
import type { Backend, Code, Stream } from '../../sandbox/sandbox.ts';
import { plain } from '../error-reply.ts';
import type { Answer, Answerer, Asked } from './route.ts';
import { SockBox } from './sock-box.ts';

export interface SockModeOptions {
  readonly backend: Pick<Backend, 'create'>;
  /** Unpacks a .tar.gz; what comes of it stays until it is released. Rejects with code-invalid. */
  archive(path: string): Promise<Held>;
  /** Names that a request may give. */
  readonly languages: readonly string[];
  /** Sandboxes at a time. */
  readonly most: number;
  readonly timeLimitMs: number;
  /** Calls of one sandbox that may wait. */
  readonly queue: number;
  readonly stats: Pick<OpStats, 'add'>;
  readonly memory: Backend['memory'];
  onLine(id: string, stream: Stream, line: string, requestId: string | undefined): void;
}

/** Code that somebody keeps for a sandbox. */
export interface Held extends Code {
  release(): void;
}

export type SockAnswerers = Readonly<Record<'create' | 'destroy' | 'pause' | 'unpause' | 'debug', Answerer>>;

const mostBytes = 64 << 10;
const nothing = new Uint8Array(0);
const code = 'an absolute directory, or a .tar.gz, on the machine of the worker';

/** What OpenLambda takes; of that, values that ask for what is not here are told so rather than ignored. */
const asked = (languages: readonly string[]) =>
  z.strictObject(
    {
      code: z.string(code).refine((path) => isAbsolute(path) && isCode(path), code),
      leaf: z.literal(true, 'true or false').nullish(),
      parent: z.literal('', 'no such key, or "" (this worker chooses the zygote itself)').nullish(),
      pkgs: z.array(z.never(), 'an empty list, or no such key (packages belong into the code directory)').max(0, 'an empty list').nullish(),
      runtime: z.enum(languages, `${languages.map((name) => `"${name}"`).join(', ')}, or no such key (the code then tells)`).nullish(),
    },
    'a JSON object',
  );

export class SockMode {
  readonly answerers: SockAnswerers;
  readonly #options: SockModeOptions;
  readonly #asked: ReturnType<typeof asked>;
  readonly #boxes = new Map<string, SockBox>();
  #inFlight = 0;
  #draining = false;
  #whenIdle: (() => void) | undefined;

  constructor(options: SockModeOptions) {
    this.#options = options;
    this.#asked = asked(options.languages);
    const done =
      (work: (box: SockBox) => Promise<void> | void): Answerer =>
      async ({ name: id }) => {
        await work(this.#box(id));
        return { headers: [plain], body: '' };
      };
    this.answerers = {
      create: (request) => this.#create(request),
      destroy: done((box) => box.close()),
      pause: done((box) => box.pause()),
      unpause: done((box) => box.unpause()),
      debug: async () => {
        const used = await options.memory();
        return { headers: [plain], body: [...this.#boxes.values()].map((box) => box.text(used)).join('') };
      },
    };
  }

  /** Of the sandboxes, as a catalog counts its instances. */
  get counts() {
    const boxes = [...this.#boxes.values()];
    const of = (state: SockBox['state']): number => boxes.filter((box) => box.state === state).length;
    const queued = boxes.reduce((sum, { waiting }) => sum + waiting, 0);
    return { instances: boxes.length, busy: of('busy'), idle: of('idle'), frozen: of('paused'), queued, inFlight: this.#inFlight };
  }

  has(id: string): boolean {
    return this.#boxes.has(id);
  }

  /** The call's lambda is the id of a sandbox. */
  invoke(call: Call): void {
    const { settle } = call;
    this.#inFlight++;
    call.settle = (outcome) => {
      call.settle = settle;
      settle.call(call, outcome);
      this.#inFlight--;
      if (this.#inFlight === 0) this.#whenIdle?.();
    };
    if (this.#draining) throw new WorkerError('draining');
    this.#box(call.lambda).invoke(call);
  }

  takesWhole(id: string): boolean {
    return this.#boxes.get(id)?.takesWhole === true;
  }

  /** Makes and calls nothing any more; resolves when the calls that were accepted have their answers, at the latest when `signal` aborts. */
  async drain(signal: AbortSignal): Promise<void> {
    this.#draining = true;
    if (this.#inFlight === 0) return;
    await new Promise<void>((resolve) => {
      this.#whenIdle = resolve;
      signal.addEventListener('abort', () => resolve(), { once: true });
    });
  }

  /** Ends all sandboxes. */
  async close(): Promise<void> {
    this.#draining = true;
    await Promise.all([...this.#boxes.values()].map((box) => box.close()));
  }

  /** Answers with the id when the handler is loaded, so that what is wrong with the code is told here. */
  async #create({ asker: { requestId }, body, gone }: Asked): Promise<Answer> {
    const began = performance.now();
    const { code, runtime } = read(await text(body(mostBytes)), this.#asked);
    const held = statOf(code)?.isFile() ? await this.#options.archive(code).catch(blame) : inPlace(code);
    const box = this.#make(held, runtime ?? undefined, gone);
    const outcome = await new Promise<Outcome>((settle) => {
      const call = loading(box.id, requestId, settle);
      box.load(call);
      gone.addEventListener('abort', () => call.cancel?.(new WorkerError('client-gone')), { once: true });
    });
    if (outcome.at === 'failed' || gone.aborted) {
      await box.close(); // nobody would know its id
      throw outcome.at === 'failed' ? outcome.error : new WorkerError('client-gone');
    }
    this.#options.stats.add('Create()', performance.now() - began);
    return { headers: [plain], body: `${box.id}\n` };
  }

  /** The code is released when the sandbox ends, or is not made. */
  #make(held: Held, language: string | undefined, gone: AbortSignal): SockBox {
    const { backend, most, timeLimitMs, queue, onLine } = this.#options;
    try {
      if (gone.aborted) throw new WorkerError('client-gone'); // nobody would be told its id
      if (this.#draining) throw new WorkerError('draining');
      if (this.#boxes.size >= most) throw new WorkerError('no-room', { detail: `${most} sandboxes are there` });
      const sandbox = backend.create({
        lambda: 'sock',
        code: held,
        cold: undefined,
        environment: {},
        entry: {},
        ...(language !== undefined && { language }),
        concurrency: 1,
        limits: undefined,
        zygote: false, // what is in the directory may change
        onLine: (stream, line, requestId) => onLine(box.id, stream, line, requestId),
        onDeath: () => box.ended(),
      });
      const onEnd = ({ id }: SockBox): void => {
        this.#boxes.delete(id);
        void sandbox.closed.then(() => held.release());
      };
      const box: SockBox = new SockBox(sandbox, { timeLimitMs, queue, onEnd });
      this.#boxes.set(box.id, box);
      return box;
    } catch (cause) {
      held.release();
      return blame(cause);
    }
  }

  #box(id: string): SockBox {
    const box = this.#boxes.get(id);
    if (box === undefined) throw new WorkerError('sandbox-unknown');
    return box;
  }
}

function read(body: string, schema: ReturnType<typeof asked>): z.output<typeof schema> {
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch (cause) {
    throw new WorkerError('event-invalid', { cause });
  }
  if ((value as { leaf?: unknown } | null)?.leaf === false)
    throw new WorkerError('sandbox-unsupported', { detail: 'leaf: expected true, or no such key (the worker keeps the zygotes itself)' });
  const checked = schema.safeParse(value);
  if (checked.success) return checked.data;
  throw new WorkerError('sandbox-invalid', { detail: problemLines(checked.error, { value, schema, got: shown }).join('; ') });
}

function isCode(path: string): boolean {
  const stat = statOf(path);
  return stat?.isDirectory() === true || (stat?.isFile() === true && path.endsWith('.tar.gz'));
}

function statOf(path: string): Stats | undefined {
  try {
    return statSync(path);
  } catch {
    return undefined; // whatever the reason, it is no code
  }
}

/** A directory is used where it is. */
function inPlace(dir: string): Held {
  return { dir, digest: createHash('sha256').update(dir).digest('hex'), release: () => {} };
}

/** Throws it; code that cannot be used is a fault of whoever asks here. */
function blame(cause: unknown): never {
  if (!(cause instanceof WorkerError) || cause.code !== 'code-invalid') throw cause;
  throw new WorkerError('sandbox-invalid', { detail: `code: ${cause.detail}`, cause });
}

/** The call that loads the handler. */
function loading(id: string, requestId: string, settle: (outcome: Outcome) => void): Call {
  return {
    lambda: id,
    head: { id: requestId, method: 'GET', root: `/run/${id}`, path: '', query: '', headers: [], client: '' },
    body: { first: nothing, rest: undefined },
    force: undefined,
    phases: new Phases(performance.now()),
    sandbox: undefined,
    cancel: undefined,
    begin: () => {},
    chunk: () => {},
    settle,
  };
}
