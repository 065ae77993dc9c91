// What the dashboard is told by those that it does not know: lambda/ and sandbox/.

/** Sandboxes that are somebody's. */
export interface States {
  readonly busy: number;
  readonly idle: number;
  readonly frozen: number;
}

/** Of all lambdas together. */
export interface Totals extends States {
  /** Calls that were accepted and have no answer yet. */
  readonly inFlight: number;
  readonly queued: number;
  readonly room: {
    readonly takenBytes: number;
    readonly mostBytes: number;
    /** Lambdas that wait for memory. */
    readonly waiting: number;
    readonly evictions: number;
  };
}

export interface LambdaView extends States {
  readonly name: string;
  readonly queued: number;
  /** Why it cannot be called. */
  readonly problem: string | undefined;
}

/** Those that the worker knows now. */
export interface Lambdas {
  names(): Iterable<string>;
  /** None when it is not known. */
  details(name: string): readonly LambdaView[];
}

export interface Zygotes {
  readonly runtime: string;
  readonly state: string;
  /** Sealed sandboxes that wait for a lambda. */
  readonly standbys: number;
  /** Standbys that are being made; undefined when the backend does not tell. */
  readonly starting: number | undefined;
  /** Prepared places for sandboxes: ready, and being made. */
  readonly slots: { readonly ready: number; readonly coming: number } | undefined;
}

/** Reads what a backend says of itself, of which each backend says what it has. */
export function zygotes(backend: Readonly<Record<string, unknown>>): readonly Zygotes[] {
  return Object.entries(record(backend.runtimes)).map(([runtime, told]) => {
    const { zygote, standbys, starting, slots } = record(told);
    const { ready, coming } = record(slots);
    return {
      runtime,
      state: String(zygote),
      standbys: count(standbys) ?? 0,
      starting: count(starting),
      slots: slots === undefined ? undefined : { ready: count(ready) ?? 0, coming: count(coming) ?? 0 },
    };
  });
}

function record(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}

function count(value: unknown): number | undefined {
  return typeof value === 'number' ? value : undefined;
}
