// Timers that fire when the test says so. (The mock timers of node:test on Node 20 know no refresh().)
import type { TestContext } from 'node:test';

class FakeTimer {
  readonly #now: () => number;
  readonly #after: number;
  readonly fire: () => void;
  due: number;

  constructor(now: () => number, after: number, fire: () => void) {
    this.#now = now;
    this.#after = after;
    this.fire = fire;
    this.due = now() + after;
  }

  refresh(): this {
    this.due = this.#now() + this.#after;
    return this;
  }

  unref(): this {
    return this;
  }
}

export interface FakeClock {
  /** Lets so many milliseconds pass; what becomes due meanwhile fires in its order. */
  forward(ms: number): void;
}

/** Takes the place of setTimeout, clearTimeout and performance.now until the test ends. */
export function fakeClock(t: TestContext): FakeClock {
  let now = 0;
  const timers = new Set<FakeTimer>();
  t.mock.method(globalThis, 'setTimeout', (then: () => void, after = 0) => {
    const timer = new FakeTimer(() => now, Math.max(1, after), then);
    timers.add(timer);
    return timer;
  });
  t.mock.method(performance, 'now', () => now);
  t.mock.method(globalThis, 'clearTimeout', (timer: FakeTimer | undefined) => {
    if (timer !== undefined) timers.delete(timer);
  });
  const next = (until: number): FakeTimer | undefined => [...timers].filter(({ due }) => due <= until).sort((a, b) => a.due - b.due)[0];
  return {
    forward(ms) {
      const until = now + ms;
      for (let timer = next(until); timer !== undefined; timer = next(until)) {
        now = timer.due;
        timer.due = Number.POSITIVE_INFINITY; // fired; refresh() starts it again
        timer.fire();
      }
      now = until;
    },
  };
}
