// What lambdas have printed lately, by lambda: bounded for each and over all; the output of whoever printed longest ago goes first.

export interface OutputLine {
  /** Milliseconds since 1970. */
  readonly time: number;
  readonly stream: 'stdout' | 'stderr' | 'log';
  readonly requestId: string | undefined;
  readonly line: string;
}

export interface OutputOptions {
  /** Lines kept of one lambda. */
  readonly lines?: number;
  /** Bytes kept of one lambda, and of all together, about. */
  readonly bytesEach?: number;
  readonly bytes?: number;
}

interface Tail {
  readonly lines: OutputLine[];
  bytes: number;
}

/** Of a line, beside its characters. */
const overhead = 150;

export class Output {
  readonly #most: Required<OutputOptions>;
  /** In the order in which they printed last. */
  readonly #tails = new Map<string, Tail>();
  readonly #followers = new Map<string, Set<(line: OutputLine) => void>>();
  #bytes = 0;

  constructor({ lines = 200, bytesEach = 1 << 18, bytes = 32 << 20 }: OutputOptions = {}) {
    this.#most = { lines, bytesEach, bytes };
  }

  /** `lambda`: one that exists, not a name that somebody asks for. */
  add(lambda: string, line: OutputLine): void {
    const kept = { ...line, line: detached(line.line) };
    const tail = this.#tails.get(lambda) ?? { lines: [], bytes: 0 };
    this.#tails.delete(lambda);
    this.#tails.set(lambda, tail);
    tail.lines.push(kept);
    this.#count(tail, cost(kept));
    while (tail.lines.length > this.#most.lines || (tail.bytes > this.#most.bytesEach && tail.lines.length > 1)) this.#shift(tail);
    for (const [oldest, { bytes }] of this.#tails) {
      if (this.#bytes <= this.#most.bytes || oldest === lambda) break;
      this.#bytes -= bytes;
      this.#tails.delete(oldest);
    }
    for (const follower of this.#followers.get(lambda) ?? []) follower(kept);
  }

  /** The last `n` lines, oldest first. */
  tail(lambda: string, n: number = this.#most.lines): readonly OutputLine[] {
    const lines = this.#tails.get(lambda)?.lines ?? [];
    return lines.slice(Math.max(0, lines.length - n));
  }

  /** Calls `onLine` for each line from now on, until the function that is returned is called. What it throws meets whoever adds the line. */
  follow(lambda: string, onLine: (line: OutputLine) => void): () => void {
    const followers = this.#followers.get(lambda) ?? new Set();
    this.#followers.set(lambda, followers);
    const follower = (line: OutputLine): void => onLine(line); // its own, should the same function follow twice
    followers.add(follower);
    return () => {
      followers.delete(follower);
      if (followers.size === 0 && this.#followers.get(lambda) === followers) this.#followers.delete(lambda);
    };
  }

  #shift(tail: Tail): void {
    const gone = tail.lines.shift();
    if (gone !== undefined) this.#count(tail, -cost(gone));
  }

  #count(tail: Tail, bytes: number): void {
    tail.bytes += bytes;
    this.#bytes += bytes;
  }
}

function cost({ line }: OutputLine): number {
  return overhead + line.length * 2;
}

/** A copy: what was cut from a larger string keeps all of that in memory (V8's sliced strings). This one keeps a character. */
function detached(text: string): string {
  return ` ${text}`.slice(1);
}
