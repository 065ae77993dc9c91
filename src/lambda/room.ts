// The memory that the sandboxes of all lambdas may use together, and the line of those lambdas that wait for some. What is idle makes room for who
// waits (eviction.ts says who goes), and whose turn it is says fairness.ts. Nothing that works is ended for it.
import { type Candidate, type EvictionPolicy, victim } from './eviction.ts';
import { mayPass, turn, type Waiter, yields } from './fairness.ts';

/** Memory for one more instance. */
export interface Wish {
  readonly sake: Waiter['sake'];
  readonly bytes: number;
}

/** A lambda, as it has part in the room. */
export interface Tenant {
  /** What it wants now. */
  readonly wish: Wish | undefined;
  /** Bytes of its instances that take calls. */
  readonly held: number;
  /** Bytes of its idle instances: all, or without those that it is promised. */
  idleBytes(sake: Wish['sake']): number;
  /** The instance that it would give up next. */
  offer(): Candidate | undefined;
  /** Ends that one; its memory is given back before this returns. */
  evict(): void;
  /** Room for its wish has been taken: it starts an instance in it, or frees it. */
  grant(wish: Wish): void;
}

/** Starts in one turn of the event loop, whoever they are for. */
const mostATurn = 8;

export class Room {
  readonly #most: number;
  readonly #policy: EvictionPolicy;
  #taken = 0;
  /** Those that hold some of it, and how many instances have it. */
  readonly #tenants = new Map<Tenant, number>();
  readonly #line = new Set<Tenant>();
  /** Bytes of instances that end for the sake of who waits as soon as they have finished their calls. */
  #coming = 0;
  #evictions = 0;
  #serving = false;
  /** What the last one evicted was worth. Only grows. */
  #clock = 0;

  /** `most`: bytes. */
  constructor(most: number, policy: EvictionPolicy) {
    this.#most = most;
    this.#policy = policy;
  }

  get counts(): { takenBytes: number; mostBytes: number; waiting: number; evictions: number } {
    return { takenBytes: this.#taken, mostBytes: this.#most, waiting: this.#line.size, evictions: this.#evictions };
  }

  get clock(): number {
    return this.#clock;
  }

  /** Takes room for one instance; evicts idle ones for it if it must. False when there is none, or others come first: then join the line. */
  take(tenant: Tenant, wish: Wish): boolean {
    const first = this.#line.size > 0 ? turn(this.#waiters()) : undefined;
    if (first?.tenant !== tenant && !mayPass({ ...wish, held: tenant.held }, first)) return false;
    return this.#take(tenant, wish);
  }

  /** Waits for its turn, for whatever it will want then. */
  join(tenant: Tenant): void {
    this.#line.add(tenant);
  }

  leave(tenant: Tenant): void {
    this.#line.delete(tenant);
  }

  /** Gives back the room of one instance. */
  free(tenant: Tenant, bytes: number): void {
    this.#give(tenant, bytes);
    this.serveLine();
  }

  /** Whether the tenant is to end an instance that has just answered, for the sake of one that waits. */
  claims(tenant: Tenant, instance: { readonly bytes: number; readonly ageMs: number }): boolean {
    if (this.#line.size === 0) return false;
    const first = turn([...this.#waiters()].filter((waiter) => waiter.tenant !== tenant));
    if (first === undefined || this.#available(first.sake) + this.#coming >= first.bytes) return false;
    return yields({ held: tenant.held, ...instance }, first);
  }

  /** So much will be given back soon; negative when it has been. */
  expect(bytes: number): void {
    this.#coming += bytes;
  }

  /** An instance has become idle or something was freed: whoever is first may have his turn. */
  serveLine(): void {
    if (this.#serving || this.#line.size === 0) return;
    this.#serving = true;
    let isThrough = false;
    try {
      for (let served = 0; served < mostATurn && !isThrough; served++) isThrough = !this.#serveFirst();
    } finally {
      this.#serving = false;
      if (!isThrough) setImmediate(() => this.serveLine()); // also when one could not make use of his turn
    }
  }

  /** False when nobody waits, or there is no room for whoever is first. */
  #serveFirst(): boolean {
    const first = turn(this.#waiters());
    if (first === undefined || !this.#take(first.tenant, first)) return false;
    this.#line.delete(first.tenant);
    first.tenant.grant(first);
    return true;
  }

  /** The line without those who want nothing any more. */
  *#waiters(): Iterable<Waiter & { readonly tenant: Tenant }> {
    for (const tenant of this.#line) {
      const { wish, held } = tenant;
      if (wish === undefined) this.#line.delete(tenant);
      else yield { tenant, held, sake: wish.sake, bytes: wish.bytes };
    }
  }

  #available(sake: Wish['sake']): number {
    let bytes = this.#most - this.#taken;
    for (const tenant of this.#tenants.keys()) bytes += tenant.idleBytes(sake);
    return bytes;
  }

  #take(tenant: Tenant, { sake, bytes }: Wish): boolean {
    if (this.#taken + bytes > this.#most && this.#available(sake) < bytes) return false;
    this.#taken += bytes; // before the evictions: what they give back is taken
    this.#tenants.set(tenant, (this.#tenants.get(tenant) ?? 0) + 1);
    const serving = this.#serving;
    this.#serving = true; // nobody else is to be served with what is evicted for this one
    try {
      while (this.#taken > this.#most && this.#evict(sake)) {
        // one more
      }
    } catch (error) {
      this.#give(tenant, bytes);
      throw error;
    } finally {
      this.#serving = serving;
    }
    return true;
  }

  #give(tenant: Tenant, bytes: number): void {
    this.#taken -= bytes;
    const instances = (this.#tenants.get(tenant) ?? 0) - 1;
    if (instances > 0) this.#tenants.set(tenant, instances);
    else this.#tenants.delete(tenant);
  }

  #evict(sake: Wish['sake']): boolean {
    const offers = [...this.#tenants.keys()].flatMap((tenant) => {
      const candidate = tenant.offer();
      return candidate === undefined ? [] : [{ tenant, candidate }];
    });
    const candidates = offers.map(({ candidate }) => candidate);
    const chosen = offers[victim(candidates, this.#policy, sake)];
    if (chosen === undefined) return false;
    this.#clock = Math.max(this.#clock, this.#policy(chosen.candidate));
    this.#evictions++;
    chosen.tenant.evict(); // gives its memory back at once; its sandbox is gone a moment later
    return true;
  }
}
