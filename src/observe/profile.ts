// CPU profiles and heap snapshots of the worker itself, one at a time: both cost it dearly while they are made.
import { Session, type Profiler as V8 } from 'node:inspector';
import { Readable } from 'node:stream';
import { getHeapSnapshot } from 'node:v8';

/** Why it cannot be done now; for the caller. */
export class ProfileRefused extends Error {
  override readonly name = 'ProfileRefused';
}

type State =
  | { readonly at: 'idle'; readonly ended: string }
  | { readonly at: 'cpu'; readonly session: Session; readonly limit: NodeJS.Timeout }
  | { readonly at: 'changing' }
  | { readonly at: 'heap' };

export interface ProfilerOptions {
  /** A CPU profile that nobody stopped is thrown away after so many ms. */
  readonly limitMs: number;
  /** Told when that happened. */
  onLimit(): void;
}

export class Profiler {
  readonly #options: ProfilerOptions;
  #state: State = { at: 'idle', ended: 'none was started' };

  constructor(options: ProfilerOptions) {
    this.#options = options;
  }

  /** @throws ProfileRefused while a profile or snapshot is made. */
  async startCpu(): Promise<void> {
    this.#refuseUnlessIdle('start a CPU profile');
    this.#state = { at: 'changing' };
    const session = new Session();
    session.connect();
    try {
      await post(session, 'Profiler.enable');
      await post(session, 'Profiler.start');
    } catch (cause) {
      session.disconnect();
      this.#state = { at: 'idle', ended: 'the last one could not be started' };
      throw cause;
    }
    const limit = setTimeout(() => this.#forget(), this.#options.limitMs);
    this.#state = { at: 'cpu', session, limit: limit.unref() };
  }

  /**
   * The profile as the JSON of a `.cpuprofile`, which Chrome's developer tools and speedscope open.
   *
   * @throws ProfileRefused when none is being made.
   */
  async stopCpu(): Promise<Readable> {
    const state = this.#state;
    if (state.at !== 'cpu') {
      throw new ProfileRefused(
        `stop the CPU profile: ${state.at === 'idle' ? state.ended : 'it is not running'} (start one with /pprof/cpu-start)`,
      );
    }
    clearTimeout(state.limit);
    this.#state = { at: 'changing' };
    try {
      const { profile } = await post<V8.StopReturnType>(state.session, 'Profiler.stop');
      return Readable.from(profileText(profile));
    } finally {
      state.session.disconnect();
      this.#state = { at: 'idle', ended: 'the last one was stopped' };
    }
  }

  /**
   * A heap snapshot (`.heapsnapshot`). The worker stands still while V8 takes it: about a second for each 100 MB. The stream must be read or destroyed:
   * until it is closed, nothing else can be started.
   *
   * @throws ProfileRefused while a profile or another snapshot is made.
   */
  heap(): Readable {
    this.#refuseUnlessIdle('take a heap snapshot');
    const snapshot = getHeapSnapshot();
    this.#state = { at: 'heap' };
    snapshot.once('close', () => {
      this.#state = { at: 'idle', ended: 'none was started' };
    });
    return snapshot;
  }

  /** Ends a CPU profile that is being made. */
  close(): void {
    if (this.#state.at !== 'cpu') return;
    clearTimeout(this.#state.limit);
    this.#state.session.disconnect(); // ends the profiling, too
    this.#state = { at: 'idle', ended: 'the worker is stopping' };
  }

  #forget(): void {
    this.close();
    this.#state = { at: 'idle', ended: `the last one was given up after ${this.#options.limitMs / 1000} s` };
    this.#options.onLimit();
  }

  #refuseUnlessIdle(attempt: string): void {
    const { at } = this.#state;
    if (at === 'heap') throw new ProfileRefused(`${attempt}: a heap snapshot is being read; wait for its end`);
    if (at !== 'idle') throw new ProfileRefused(`${attempt}: a CPU profile is being made; end it with /pprof/cpu-stop`);
  }
}

function post<T>(session: Session, method: string): Promise<T> {
  return new Promise((resolve, reject) => {
    session.post(method, (error, result) => {
      if (error === null) resolve(result as T);
      else reject(new Error(`${method}: ${error.message}`, { cause: error }));
    });
  });
}

/** In pieces: whole, the text of a long profile would be as large again as the profile. */
function* profileText({ nodes, startTime, endTime, samples = [], timeDeltas = [] }: V8.Profile): Generator<string> {
  yield `{"startTime":${startTime},"endTime":${endTime}`;
  for (const [name, list] of Object.entries({ nodes, samples, timeDeltas })) {
    yield `,"${name}":[`;
    for (let i = 0; i < list.length; i += piece) yield (i === 0 ? '' : ',') + JSON.stringify(list.slice(i, i + piece)).slice(1, -1);
    yield ']';
  }
  yield '}';
}

const piece = 1000;
