// What a catalog tells whoever counts or logs, beside what can be read from its status() and details() at any time.
import type { WorkerError } from '../errors.ts';
import type { ColdClass } from '../sandbox/sandbox.ts';

export interface CatalogEvents {
  /** An instance was started and has its first reply; starting took `ms`, without the time that the handler took. */
  onColdStart(lambda: string, start: ColdClass, ms: number): void;
  /** An instance was ended for another lambda: an idle one for want of memory, or one that had answered, so that all get their share. */
  onEvict(lambda: string, reason: Eviction): void;
  /** An instance that was to be kept ready could not be; it is tried again when the lambda's code changes. */
  onWarmUpFailed(lambda: string, error: WorkerError): void;
  /** The lambda's ol.yaml asks for something that it does not get, once for each version of its code; or newer code cannot be stored. */
  onWarning(lambda: string, warning: string): void;
}

export type Eviction = 'memory' | 'fairness';
