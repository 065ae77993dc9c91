// How far a pull is, for the log, for /debug, for whoever waits at a terminal.

export interface PullProgress {
  /** The image's name in full. */
  readonly image: string;
  readonly at: 'looking' | 'pulling' | 'done' | 'failed';
  readonly layers: Done;
  /** Of the layers that were not there, as they come (compressed). */
  readonly bytes: Done;
  /** What is wrong, when it failed. */
  readonly error?: string;
}

export interface Done {
  readonly done: number;
  readonly of: number;
}

export type OnProgress = (progress: PullProgress, step: Step) => void;
export type Step = 'bytes' | 'layer' | PullProgress['at'];

export class Progress {
  readonly #onProgress: OnProgress;
  #now: PullProgress;
  /** Bytes that came, of each layer that was not there. */
  readonly #came = new Map<string, { came: number; readonly size: number }>();

  constructor(image: string, onProgress: OnProgress) {
    this.#onProgress = onProgress;
    this.#now = { image, at: 'looking', layers: { done: 0, of: 0 }, bytes: { done: 0, of: 0 } };
  }

  get now(): PullProgress {
    return this.#now;
  }

  looking(): void {
    this.#tell('looking', {});
  }

  /** The image has so many layers, and of these some are not there. */
  pulling(layers: number, absent: ReadonlyMap<string, number>): void {
    for (const [layer, size] of absent) this.#came.set(layer, { came: 0, size });
    const of = [...absent.values()].reduce((sum, size) => sum + size, 0);
    this.#tell('pulling', { at: 'pulling', layers: { done: layers - absent.size, of: layers }, bytes: { done: 0, of } });
  }

  came(layer: string, bytes: number): void {
    const counts = this.#came.get(layer);
    if (counts === undefined) return;
    counts.came += bytes;
    this.#tell('bytes', { bytes: this.#moved(bytes) });
  }

  /** It is unpacked; by another pull, perhaps, which had its bytes. */
  unpacked(layer: string): void {
    const counts = this.#came.get(layer);
    if (counts === undefined) return;
    this.#came.delete(layer);
    const { done, of } = this.#now.layers;
    this.#tell('layer', { layers: { done: done + 1, of }, bytes: this.#moved(counts.size - counts.came) });
  }

  ended(error: unknown): void {
    if (error === undefined) this.#tell('done', { at: 'done' });
    else this.#tell('failed', { at: 'failed', error: error instanceof Error ? error.message : String(error) });
  }

  #moved(bytes: number): Done {
    const { done, of } = this.#now.bytes;
    return { done: done + bytes, of };
  }

  #tell(step: Step, change: Partial<PullProgress>): void {
    this.#now = { ...this.#now, ...change };
    this.#onProgress(this.#now, step);
  }
}

/** `3 of 10 layers, 12.3 of 100.0 MB` */
export function progressText({ at, layers, bytes, error }: PullProgress): string {
  if (at === 'looking') return 'looking it up';
  if (at === 'failed') return error ?? 'failed';
  const mb = (count: number) => (count / 1e6).toFixed(1);
  return `${layers.done} of ${layers.of} layers, ${mb(bytes.done)} of ${mb(bytes.of)} MB`;
}
