// When a body that does not come with its head is looked at: once soon, then every few seconds as long as more of it is to come. One for each listener, with
// two timers however many bodies there are; one that comes with its head costs neither.

export interface Timed {
  /** It has had a moment to come with its head. False when it needs no more looking at. */
  soon(): boolean;
  /** So many milliseconds have gone by. False as of soon(). */
  passed(ms: number): boolean;
}

/** What was sent together with its head is here by then. */
const soonMs = 5;
/** uWebSockets gives up on a client after 8 to 12 s in which it did not send 160 KB; being looked at this often keeps it from that. */
const mostMs = 4000;

export class BodyClock {
  /** How long a client may send nothing of a body that is waited for. */
  readonly silenceMs: number;
  readonly #everyMs: number;
  readonly #new: Timed[] = [];
  readonly #open = new Set<Timed>();
  #soon: NodeJS.Timeout | undefined;
  #ticking: NodeJS.Timeout | undefined;

  constructor(silenceMs: number) {
    this.silenceMs = silenceMs;
    this.#everyMs = Math.min(mostMs, silenceMs / 4);
  }

  begun(body: Timed): void {
    this.#new.push(body);
    this.#soon ??= setTimeout(() => this.#look(), soonMs);
  }

  /** It needs no more looking at. */
  over(body: Timed): void {
    if (this.#new.at(-1) === body) this.#new.pop();
    else this.#open.delete(body);
  }

  #look(): void {
    this.#soon = undefined;
    for (const body of this.#new.splice(0)) if (body.soon()) this.#open.add(body);
    if (this.#open.size > 0) this.#ticking ??= setInterval(() => this.#tick(), this.#everyMs).unref();
  }

  #tick(): void {
    for (const body of this.#open) if (!body.passed(this.#everyMs)) this.#open.delete(body);
    if (this.#open.size > 0) return;
    clearInterval(this.#ticking);
    this.#ticking = undefined;
  }
}
