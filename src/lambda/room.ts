// How many sandboxes the node may hold, over all lambdas: whoever wants one more takes the place of the longest idle one.

/** Something that holds a place and can be asked to leave it while it is idle. */
export interface Tenant {
  evict(): void;
}

export class Room {
  readonly #most: number;
  #taken = 0;
  /** In the order in which they became idle. */
  readonly #idle = new Set<Tenant>();
  /** Whom to tell, in turn, that there may be room again. */
  readonly #waiting = new Set<() => void>();
  #evictions = 0;

  constructor(most: number) {
    this.#most = most;
  }

  get counts(): { taken: number; most: number; idle: number; evictions: number } {
    return { taken: this.#taken, most: this.#most, idle: this.#idle.size, evictions: this.#evictions };
  }

  get available(): boolean {
    return this.#taken < this.#most || this.#idle.size > 0;
  }

  /** Takes a place; evicts the longest idle tenant for it if it must. False when every place is busy. */
  take(): boolean {
    const [oldest] = this.#idle;
    if (this.#taken >= this.#most && oldest === undefined) return false;
    this.#taken++; // before the eviction, which tells those that wait: the place is not theirs
    if (this.#taken > this.#most && oldest !== undefined) {
      this.#idle.delete(oldest);
      this.#evictions++;
      oldest.evict(); // frees its place at once; its sandbox is gone a moment later
    }
    return true;
  }

  free(): void {
    this.#taken--;
    this.#tell();
  }

  idle(tenant: Tenant): void {
    this.#idle.add(tenant);
    this.#tell();
  }

  busy(tenant: Tenant): void {
    this.#idle.delete(tenant);
  }

  /** Calls `then` once when there may be room. */
  wait(then: () => void): void {
    this.#waiting.add(then);
  }

  // Goes on while there is room: whoever waited first may want nothing any more.
  #tell(): void {
    for (const then of [...this.#waiting]) {
      if (!this.available) return;
      if (this.#waiting.delete(then)) then();
    }
  }
}
