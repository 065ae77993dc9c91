// All that one sandbox says, whatever carries it: its requests by their number, and the lines of its log, each with the request it belongs to.
import { WorkerError } from '../../errors.ts';
import type { Ongoing, SandboxRequest, SandboxSpec } from '../sandbox.ts';
import { Conversation, type Wire } from './conversation.ts';
import { frameType, readTiming, type Timing, timingBytes } from './frames.ts';
import { Lines } from './lines.ts';
import type { Received } from './received.ts';

export interface DialogueOwner extends Wire {
  /** Whose lambda it is; undefined while it has none. */
  readonly spec: SandboxSpec | undefined;
  /** It waits for its lambda, or for its first request. */
  ready(): void;
  /** The first request has its answer; loading the handler took so long of it. */
  firstAnswered(loadMs: number): void;
}

export class Dialogue {
  readonly #owner: DialogueOwner;
  /** Those under way. */
  readonly #conversations: Conversation[] = []; // few, and no Map: see Ready in lambda/
  readonly #out = this.#lines('stdout');
  readonly #err = this.#lines('stderr');
  readonly #log = new Lines((text) => this.#owner.spec?.onLine('log', text, this.#logger));
  #logger: string | undefined;
  #number = 0;
  #lastRequestId: string | undefined;
  /** Its handler has no use for the heads of requests. */
  #headless = false;
  /** It has said that it takes bodies as they come. */
  #streams = false;

  constructor(owner: DialogueOwner) {
    this.#owner = owner;
  }

  get requests(): readonly SandboxRequest[] {
    return this.#conversations.map(({ request }) => request);
  }

  /** `waking`: how the time until it is read is called, if it is the first one. */
  begin(request: SandboxRequest, waking: 'attach' | 'wake'): Ongoing {
    this.flush();
    this.#number = (this.#number + 1) >>> 0 || 1;
    const conversation = new Conversation(this.#number, request, this.#number === 1 ? waking : 'wake', this.#owner);
    this.#conversations.push(conversation);
    if (!conversation.begin(this.#headless)) queueMicrotask(() => this.#over(conversation.number)?.fail(new WorkerError('head-too-large')));
    return conversation;
  }

  /** A whole frame, well formed, whose payload is in `received`. */
  onFrame(received: Received, type: number, number: number, offset: number, length: number): void {
    if (type === frameType.ready && number === 0) {
      this.#owner.ready();
      return;
    }
    const conversation = this.#conversations.find((known) => known.number === number);
    if (conversation === undefined) {
      this.#owner.misbehaves('a reply to no request');
      return;
    }
    if (type === frameType.ready) {
      if (this.#streams) this.#owner.misbehaves('a frame out of its order');
      else conversation.request.streams?.();
      this.#streams = true;
      return;
    }
    const rest = (from: number): Buffer => received.copy(offset + from, length - from);
    if (type === frameType.end || type === frameType.headless || type === frameType.broken)
      this.#onEnd(conversation, type, readTiming(received.view, offset), rest(timingBytes));
    else if (type === frameType.reply) conversation.onReply(readTiming(received.view, offset), rest(timingBytes));
    else if (type === frameType.body) conversation.onBody(rest(0));
    else if (type === frameType.window) conversation.onWindow(received.view.getUint32(offset, true));
    else if (type === frameType.log) this.#onLog(conversation, rest(1));
    else this.#owner.misbehaves('a frame out of its order');
  }

  onOutput(stream: 1 | 2, bytes: Buffer): void {
    (stream === 1 ? this.#out : this.#err).write(bytes);
  }

  /** What was written without a newline belongs to the request during which it was written. */
  flush(): void {
    this.#out.flush();
    this.#err.flush();
  }

  /** All requests under way fail. */
  end(error: WorkerError): void {
    for (const { number } of [...this.#conversations]) this.#over(number)?.fail(error);
  }

  #lines(stream: 'stdout' | 'stderr'): Lines {
    return new Lines((text) => this.#owner.spec?.onLine(stream, text, this.#speaker));
  }

  /** The request to which output belongs: the one that is under way, or the last one; nobody can tell when there are several. */
  get #speaker(): string | undefined {
    if (this.#conversations.length > 1) return undefined;
    return this.#conversations[0]?.request.head.id ?? this.#lastRequestId;
  }

  #onLog({ request }: Conversation, bytes: Buffer): void {
    this.#logger = request.head.id;
    this.#log.write(bytes);
    this.#log.flush();
  }

  #onEnd(conversation: Conversation, type: number, timing: Timing, rest: Buffer): void {
    this.#over(conversation.number);
    this.#headless ||= type === frameType.headless;
    if (type === frameType.broken) conversation.onBroken();
    else conversation.onEnd(timing, rest);
    if (conversation.number === 1) this.#owner.firstAnswered(timing.loaded === 0 ? 0 : timing.loaded - timing.received);
  }

  #over(number: number): Conversation | undefined {
    const at = this.#conversations.findIndex((known) => known.number === number);
    const [conversation] = at < 0 ? [] : this.#conversations.splice(at, 1);
    if (conversation === undefined) return undefined;
    this.#lastRequestId = conversation.request.head.id;
    return conversation;
  }
}

/** What the sandbox is told before its lambda's first request; undefined when there is nothing to tell. */
export function setupOf({ environment, entry, concurrency }: SandboxSpec): object | undefined {
  const plain = concurrency === 1 && Object.keys(environment).length === 0 && Object.keys(entry).length === 0;
  return plain ? undefined : { environment, entry, concurrency };
}
