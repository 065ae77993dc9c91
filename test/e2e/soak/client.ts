// One client of the soak: it asks one thing after the other, and judges each answer.
import type { Worker } from '../worker.ts';
import type { Ledger } from './ledger.ts';
import type { Random } from './random.ts';
import type { Senders } from './senders.ts';

/** What all clients share. */
export interface Stage {
  readonly worker: Worker;
  readonly ledger: Ledger;
  readonly senders: Senders;
  /** How often the code of `renamed` was replaced. */
  versions: number;
}

/** By status: whether this is what the request with this id may get. */
export type Expected = Readonly<Record<number, (text: string, id: string) => boolean>>;

/** Any call may be refused for want of room. */
const refused: Expected = { 429: (text) => text.includes('"queue-full"'), 503: (text) => /"no-(room|instance)"/.test(text) };

export const echoed = (text: string, id: string): boolean => (JSON.parse(text) as { id: string }).id === id;

export class Client {
  readonly number: number;
  readonly stage: Stage;
  readonly random: Random;
  #asked = 0;

  constructor(number: number, stage: Stage, random: Random) {
    this.number = number;
    this.stage = stage;
    this.random = random;
  }

  id(kind: string): string {
    return `${kind}.${this.number}.${this.#asked++}`;
  }

  /** Calls the lambda with its id, by any sender. */
  async ask(kind: string, lambda: string, expected: Expected = { 200: echoed }): Promise<{ status: number; text: string }> {
    const id = this.id(kind);
    const path = `${this.random.below(2) === 0 ? '/run' : '/runLambda'}/${lambda}`;
    const reply = await this.random.pick(this.stage.senders.all)({ path, id, body: Buffer.from(JSON.stringify({ id })) });
    this.judge(kind, id, reply, expected);
    return reply;
  }

  judge(kind: string, id: string, { status, text }: { status: number; text: string }, expected: Expected): void {
    const { ledger } = this.stage;
    ledger.note(kind, id, status);
    const fits = expected[status] ?? refused[status];
    if (fits?.(text, id) !== true) ledger.problem(`${id} was answered ${status}: ${text}`);
  }
}
