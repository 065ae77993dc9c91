// One client on a kept-alive connection (baseline/request.c), as a contender.
import type { Setting } from './case.ts';
import { type Answer, Helper } from './helper.ts';
import type { Contender } from './interleave.ts';
import { median } from './statistics.ts';
import { lambda } from './worker.ts';

export interface RequesterOptions {
  readonly program: string;
  readonly name: string;
  readonly port: number;
  readonly path: string;
  /** X-Force-Start, '' for none; then the reply must have that class. */
  readonly force: string;
  /** The body that has to come back. */
  readonly expected: string;
  /** Requests in a row, a sample. */
  readonly times: number;
}

export class Requester implements Contender {
  readonly name: string;
  readonly #options: RequesterOptions;
  readonly #helper: Helper;
  readonly answers: Answer[] = [];

  constructor(setting: Setting, options: RequesterOptions) {
    this.name = options.name;
    this.#options = options;
    const { program, port, path, force, expected } = options;
    this.#helper = setting.own(new Helper([program, `${port}`, path, force, lambda.body, expected]));
  }

  /** Microseconds. */
  async sample(): Promise<readonly number[]> {
    const answer = await this.ask();
    return (answer.ns ?? []).map((ns) => ns / 1000);
  }

  async ask(): Promise<Answer> {
    const answer = await this.#helper.ask(`${this.#options.times}`);
    this.answers.push(answer);
    return answer;
  }

  /** Medians of the phases of Server-Timing in microseconds, over the last request of each sample; a phase that a request lacks took none. */
  phaseLine(): string {
    const all = this.answers.map(({ timing = '' }) => phases(timing));
    const names = new Set(all.flatMap((one) => [...one.keys()]));
    const medians = [...names].map((name) => [name, median(all.map((one) => one.get(name) ?? 0))] as const).filter(([, us]) => us > 0);
    const sum = medians.reduce((total, [, us]) => total + us, 0);
    return `${this.name}, us: ${medians.map(([name, us]) => `${name} ${us.toFixed(0)}`).join(', ')}; sum ${sum.toFixed(0)}`;
  }
}

function phases(header: string): Map<string, number> {
  return new Map([...header.matchAll(/([\w-]+);dur=([\d.]+)/g)].map(([, name = '', ms]) => [name, Number(ms) * 1000]));
}
