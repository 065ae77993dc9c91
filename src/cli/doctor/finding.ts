// What a check found: the one shape that every file of this folder returns.

/** `limited`: the worker runs, with less. `missing`: it does not run. */
export type State = 'ok' | 'limited' | 'missing';

export interface Finding {
  readonly name: string;
  readonly state: State;
  readonly found: string;
  /** What to do about it; absent when nothing need be done. */
  readonly mend?: string;
}

export function ok(name: string, found: string): Finding {
  return { name, state: 'ok', found };
}

export function limited(name: string, found: string, mend: string): Finding {
  return { name, state: 'limited', found, mend };
}

export function missing(name: string, found: string, mend: string): Finding {
  return { name, state: 'missing', found, mend };
}
