// What became of each request of the soak, as its client saw it, and whether the worker's own books say the same.
import assert from 'node:assert/strict';
import type { Worker } from '../worker.ts';

/** What a request came to: the status of its reply, or that its client went away. */
export type Outcome = number | 'gone';

const admin = { method: 'GET' } as const;
/** Requests that /trace keeps, at most (the config's own limit). Beyond it, the oldest are known to the counters only. */
export const mostTraced = 100_000;

export class Ledger {
  readonly #outcomes = new Map<string, Outcome>();
  /** How often, by kind of traffic and outcome. */
  readonly #counts = new Map<string, number>();
  /** What should not be. */
  readonly problems: string[] = [];

  /** `id` is the one that its client sent; each is told once. */
  note(kind: string, id: string, outcome: Outcome): void {
    if (this.#outcomes.has(id)) this.problem(`${kind} ${id}: ${outcome} after ${this.#outcomes.get(id)}`);
    this.#outcomes.set(id, outcome);
    const key = `${kind} ${outcome}`;
    this.#counts.set(key, (this.#counts.get(key) ?? 0) + 1);
  }

  problem(text: string): void {
    this.problems.push(text.slice(0, 1000));
  }

  /** How many requests came to this; all without it. */
  count(outcome?: Outcome): number {
    let sum = 0;
    for (const [key, count] of this.#counts) if (outcome === undefined || key.endsWith(` ${outcome}`)) sum += count;
    return sum;
  }

  /** A line a kind. */
  summary(): string {
    const kinds = new Map<string, string[]>();
    for (const [key, count] of [...this.#counts].sort()) {
      const [kind = '', outcome] = key.split(' ');
      kinds.set(kind, [...(kinds.get(kind) ?? []), `${outcome}: ${count}`]);
    }
    return [...kinds].map(([kind, outcomes]) => `  ${kind.padEnd(12)} ${outcomes.join('  ')}`).join('\n');
  }

  /**
   * The worker, at rest, has recorded each answered request once, with the status that its client saw. Of those whose client went away it has recorded
   * what it saw of them, once at most, as whatever they had come to by then.
   */
  async agrees(worker: Worker): Promise<void> {
    const stats = (await worker.call('', undefined, { ...admin, path: '/stats' })).json<Record<string, number>>();
    const trace = (await worker.call('', undefined, { ...admin, path: '/trace' })).text.split('\n').filter(Boolean);
    const metrics = (await worker.call('', undefined, { ...admin, path: '/metrics' })).text;
    const recorded = new Map<string, number>();
    for (const line of trace) {
      const { requestId, status } = JSON.parse(line) as { requestId: string; status: number };
      if (recorded.has(requestId)) this.problem(`${requestId}: recorded twice`);
      recorded.set(requestId, status);
      const outcome = this.#outcomes.get(requestId);
      if (outcome === undefined) this.problem(`${requestId}: recorded (${status}), and nobody has asked it`);
      else if (outcome !== 'gone' && outcome !== status) this.problem(`${requestId}: answered ${outcome}, recorded as ${status}`);
    }
    const [total, gone] = [stats['web-request.cnt'] ?? 0, this.count('gone')];
    if (total <= mostTraced)
      for (const [id, outcome] of this.#outcomes)
        if (outcome !== 'gone' && !recorded.has(id)) this.problem(`${id}: answered ${outcome} and not recorded`);
    const answered = this.count() - gone;
    assert.ok(total >= answered && total <= answered + gone, `/stats counts ${total}, of ${answered} answered and ${gone} abandoned`);
    assert.equal(Math.min(total, mostTraced), trace.length);
    assert.equal(stats['LambdaFunc.Invoke.cnt'], total);
    const counted = [...metrics.matchAll(/^sock_requests_total\{.*\} (\d+)$/gm)].reduce((sum, [, n]) => sum + Number(n), 0);
    assert.equal(counted, total, '/metrics against /stats');
  }
}
