// What was counted in the last minute: the difference between what has been counted by now and what had been a minute ago. Somebody has to look now and
// then: nothing is kept for those who do not.
import { edges, Histogram } from '../histogram.ts';

/** Ms. What was looked at is kept every so often, for so long. */
const every = 5000;
const keptFor = 62_500; // so that what is shown is within 5 % of a minute

const none = new Histogram();

interface Look {
  readonly at: number;
  readonly seen: readonly Histogram[];
}

export class Minute {
  /** When the worker started, nothing had been counted. */
  #looks: Look[] = [{ at: 0, seen: [] }];

  /** `all` is counted by now. Times are ms of performance.now(). Gives what is new, and in how many ms it came. */
  since(now: number, all: readonly Histogram[]): { readonly ms: number; readonly histograms: readonly Histogram[] } {
    this.#looks = this.#looks.filter(({ at }) => now - at <= keptFor);
    const last = this.#looks.at(-1);
    if (last === undefined || now - last.at >= every) this.#looks.push({ at: now, seen: all.map((histogram) => difference(histogram)) });
    const [oldest] = this.#looks;
    return {
      ms: now - (oldest?.at ?? now),
      histograms: all.map((histogram, i) => difference(histogram, oldest?.seen[i])),
    };
  }
}

/** The greatest is exact when it is greater than all before, else the upper edge of its bucket. */
function difference(now: Histogram, then: Histogram = none): Histogram {
  const made = new Histogram();
  for (let i = 0; i < made.counts.length; i++) {
    const more = (now.counts[i] ?? 0) - (then.counts[i] ?? 0);
    if (more === 0) continue;
    made.counts[i] = more;
    made.max = Math.min(edges[i] ?? now.max, now.max);
  }
  if (now.max > then.max) made.max = now.max;
  made.count = now.count - then.count;
  made.sum = now.sum - then.sum;
  return made;
}
