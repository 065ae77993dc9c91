// The instances of one lambda that can take a call. Which of them takes the next one is the policy here: a running one before an idle one, the fullest
// first, so that the others come to rest; of those that are idle, the last one used, for the same reason. Plain data; a simulator can use it unchanged.
import type { IdleClass } from './placement.ts';

export interface Takes {
  /** Calls that it is at work on. */
  readonly load: number;
  /** How a call would meet it now; undefined when it takes none. */
  readonly idleClass: IdleClass | undefined;
}

export class Ready<T extends Takes> {
  /** By load. What is idle is in the order in which it became so: what is frozen at the front. */
  readonly #byLoad: T[][] = [[]];
  /**
   * In which of these each one is; -1 while it is in none. It stays here until it is forgotten: a Map that becomes small takes a new table, which the old one
   * refers to, and garbage of the old generation then keeps all later tables from being collected young, with what they hold.
   */
  readonly #loads = new Map<T, number>();
  #count = 0;

  /** How many are at work on nothing. */
  get idle(): number {
    return this.#byLoad[0]?.length ?? 0;
  }

  /** The one that has been idle longest. */
  get longestIdle(): T | undefined {
    return this.#byLoad[0]?.[0];
  }

  get frozen(): number {
    return this.#byLoad[0]?.filter(({ idleClass }) => idleClass === 'thawed').length ?? 0;
  }

  get any(): IdleClass | undefined {
    if (this.has('warm')) return 'warm';
    return this.has('thawed') ? 'thawed' : undefined;
  }

  has(idle: IdleClass): boolean {
    const [resting] = this.#byLoad;
    if (idle === 'thawed') return resting?.[0]?.idleClass === 'thawed';
    return this.#count > this.idle || resting?.at(-1)?.idleClass === 'warm';
  }

  /** Puts it where its load belongs; whether it was there before or not. */
  put(item: T): void {
    this.remove(item);
    const { load } = item;
    while (this.#byLoad.length <= load) this.#byLoad.push([]);
    this.#byLoad[load]?.push(item);
    this.#loads.set(item, load);
    this.#count++;
  }

  remove(item: T): void {
    const load = this.#loads.get(item);
    if (load === undefined || load < 0) return;
    this.#loads.set(item, -1);
    this.#count--;
    const same = this.#byLoad[load];
    same?.splice(same.lastIndexOf(item), 1);
  }

  /** It will not come again. */
  forget(item: T): void {
    this.remove(item);
    this.#loads.delete(item);
  }

  /** The next to take a call, which is none of the ready ones then. */
  take(idle: IdleClass): T | undefined {
    for (let load = this.#byLoad.length - 1; load >= 0; load--) {
      const item = this.#byLoad[load]?.findLast(({ idleClass }) => idleClass === idle);
      if (item === undefined) continue;
      this.remove(item);
      return item;
    }
    return undefined;
  }
}
