// A measuring program beside this process: gets a line, does something, answers with one line of JSON. It takes its own times, so that nothing
// of Node's is in them.
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

/** Times are nanoseconds. What a program does not tell is absent. */
export interface Answer {
  readonly ns?: readonly number[];
  /** The parts of the time, by name. */
  readonly phases?: Readonly<Record<string, number>>;
  /** CLOCK_REALTIME in ns, before the (first) request was sent. */
  readonly at?: number;
  /** The last reply's Server-Timing and X-Start-Class. */
  readonly timing?: string;
  readonly start?: string;
  /** Minor page faults, context switches of the child that it made. */
  readonly faults?: number;
  readonly switches?: number;
  readonly error?: string;
}

export class Helper {
  readonly #name: string;
  readonly #child: ChildProcess;
  readonly #exited: Promise<void>;
  #waiting: { resolve(answer: Answer): void; reject(error: Error): void } | undefined;
  #words = '';

  constructor(argv: readonly [string, ...string[]], cwd?: string) {
    const [program, ...args] = argv;
    this.#name = program;
    const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'], ...(cwd === undefined ? {} : { cwd }) });
    this.#child = child;
    child.stderr.on('data', (bytes: Buffer) => (this.#words += bytes.toString()));
    createInterface({ input: child.stdout }).on('line', (line) => this.#answered(line));
    child.stdin.on('error', () => {}); // it has ended: told below
    this.#exited = new Promise((resolve) => {
      child.once('error', (cause) => this.#fail(cause.message));
      child.once('close', (code, signal) => {
        this.#fail(`it ended with ${signal ?? code}: ${this.#words.trim()}`);
        resolve();
      });
    });
  }

  /** One command at a time. Rejects when the program says that something went wrong, or ends. */
  ask(command: string): Promise<Answer> {
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
      this.#child.stdin?.write(`${command}\n`);
    });
  }

  /** Asks for a measurement: microseconds. */
  async times(command: string): Promise<number[]> {
    return ((await this.ask(command)).ns ?? []).map((ns) => ns / 1000);
  }

  async close(): Promise<void> {
    this.#child.stdin?.end();
    await this.#exited;
  }

  #answered(line: string): void {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    const answer = JSON.parse(line) as Answer;
    if (answer.error === undefined) waiting?.resolve(answer);
    else waiting?.reject(new Error(`${this.#name}: ${answer.error}`));
  }

  #fail(text: string): void {
    this.#waiting?.reject(new Error(`${this.#name}: ${text}`));
    this.#waiting = undefined;
  }
}
