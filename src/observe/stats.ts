// How long operations of the worker take, under the names that OpenLambda's /stats has (`common.T0` in its source).
// recorder.ts feeds those of a request; whoever does the rest adds it: `pull-lambda`, `pull-package`, `Create()`, `fork()`, `Pause()`,
// `Unpause()`, `Destroy()`, `childExit()`, `evict`, `fresh-cgroup`, `ImportCache.Create`, `kafka-message-processing`.
import { Histogram } from './histogram.ts';

export class OpStats {
  readonly #operations = new Map<string, Histogram>();

  /** `name` is one of the worker's own: each is kept for good. */
  add(name: string, ms: number): void {
    this.operation(name).add(ms);
  }

  /** For whoever adds often: the operation itself. It is shown from its first `add` on. */
  operation(name: string): Histogram {
    let operation = this.#operations.get(name);
    if (operation === undefined) {
      operation = new Histogram();
      this.#operations.set(name, operation);
    }
    return operation;
  }

  /** `<name>.cnt` and `<name>.ms-avg` as OpenLambda has them, in fractions of ms; `.ms-p50`, `.ms-p99`, `.ms-max` beside them. */
  snapshot(): Record<string, number> {
    const shown: Record<string, number> = {};
    for (const [name, operation] of this.#operations) {
      if (operation.count === 0) continue;
      shown[`${name}.cnt`] = operation.count;
      shown[`${name}.ms-avg`] = micros(operation.sum / operation.count);
      shown[`${name}.ms-p50`] = micros(operation.quantile(0.5));
      shown[`${name}.ms-p99`] = micros(operation.quantile(0.99));
      shown[`${name}.ms-max`] = micros(operation.max);
    }
    return shown;
  }
}

function micros(ms: number): number {
  return Math.round(ms * 1000) / 1000;
}
