// Keeps one zygote serving: when it is gone, starts another, if it is one that must be there.
import type { Nursery, ZygotePlan } from './nursery.ts';
import type { Zygote } from './zygote.ts';

export interface KeeperOptions {
  readonly nursery: Nursery;
  readonly plan: Omit<ZygotePlan, 'onServing' | 'onGone'>;
  /** Whether another takes its place when it is gone. */
  readonly replace: boolean;
  onServing(): void;
  /** What was forked from it may live on, but nothing more is forked from it. */
  onGone(reason: string): void;
  log(level: 'warn' | 'error', text: string): void;
}

/** A zygote that does not come up is tried again after this, doubled each time, ms. */
const retry = { first: 100, last: 10_000 };

type State =
  | { readonly at: 'none' }
  | { readonly at: 'starting'; readonly zygote: Zygote }
  | { readonly at: 'serving'; readonly zygote: Zygote }
  | { readonly at: 'down'; readonly retry: NodeJS.Timeout }
  | { readonly at: 'closed' };

export class ZygoteKeeper {
  readonly #options: KeeperOptions;
  readonly #waiting: ((zygote: Zygote | Error) => void)[] = [];
  #state: State = { at: 'none' };
  #retryMs = retry.first;

  constructor(options: KeeperOptions) {
    this.#options = options;
  }

  get at(): State['at'] {
    return this.#state.at;
  }

  get serving(): Zygote | undefined {
    return this.#state.at === 'serving' ? this.#state.zygote : undefined;
  }

  /** Resolves when the first one serves; rejects with why it does not. */
  start(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.whenServing((zygote) => (zygote instanceof Error ? reject(zygote) : resolve()));
      this.#start();
    });
  }

  /** Calls back with the zygote that serves: at once, or when one does; with an error when the one that was to come did not. */
  whenServing(then: (zygote: Zygote | Error) => void): void {
    if (this.#state.at === 'serving') then(this.#state.zygote);
    else if (this.#state.at === 'closed') then(new Error('wait for a zygote: the worker is stopping'));
    else this.#waiting.push(then);
  }

  /** Ends the zygote; it is gone when the nursery is closed. */
  close(): void {
    const state = this.#state;
    this.#state = { at: 'closed' };
    if (state.at === 'down') clearTimeout(state.retry);
    else if (state.at === 'starting' || state.at === 'serving') this.#options.nursery.retire(state.zygote);
    this.#answer(new Error('wait for a zygote: the worker is stopping'));
  }

  #start(): void {
    const { nursery, plan } = this.#options;
    try {
      const zygote = nursery.make({
        ...plan,
        onServing: (served) => {
          if (this.#state.at !== 'starting') return;
          this.#state = { at: 'serving', zygote: served };
          this.#retryMs = retry.first;
          this.#answer(served);
          this.#options.onServing();
        },
        onGone: (gone, reason) => this.#gone(gone, reason),
      });
      this.#state = { at: 'starting', zygote };
    } catch (cause) {
      this.#down(cause instanceof Error ? cause : new Error(String(cause)));
    }
  }

  #gone(zygote: Zygote, reason: string): void {
    if (this.#state.at === 'closed') return;
    const level = this.#state.at === 'serving' ? 'warn' : 'error';
    if (this.#options.replace) this.#options.log(level, `the zygote is gone: ${reason}; starting another`);
    this.#down(new Error(`start the zygote: ${reason}`));
    this.#options.onGone(reason);
    this.#options.nursery.retire(zygote);
  }

  #down(error: Error): void {
    this.#state = this.#options.replace ? { at: 'down', retry: setTimeout(() => this.#start(), this.#retryMs) } : { at: 'closed' };
    this.#retryMs = Math.min(this.#retryMs * 2, retry.last);
    this.#answer(error);
  }

  #answer(zygote: Zygote | Error): void {
    for (const then of this.#waiting.splice(0)) then(zygote);
  }
}
