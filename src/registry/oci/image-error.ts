// The ways in which getting an image ends early. The messages are for operators: they name hosts, and paths of local sources.

import { WorkerError } from '../../errors.ts';

export class ImageError extends Error {
  /**
   * `unknown`: there is no such image. `unavailable`: whoever has it does not give it, or gives something else; that may pass. `invalid`: the image is
   * what its digest says, and cannot be run here.
   */
  readonly at: 'unknown' | 'unavailable' | 'invalid';

  constructor(at: ImageError['at'], message: string, cause?: unknown) {
    super(message, { cause });
    this.name = 'ImageError';
    this.at = at;
  }
}

/** Another attempt may help: see retry.ts. */
export class Transient extends ImageError {
  /** Milliseconds for which it was asked not to be tried again. */
  readonly afterMs: number;

  constructor(message: string, { afterMs = 0, cause }: { readonly afterMs?: number; readonly cause?: unknown } = {}) {
    super('unavailable', message, cause);
    this.afterMs = afterMs;
  }
}

/** What a stranger wrote, on one line, escaped and cut. */
export function quoted(text: string): string {
  return JSON.stringify(text.length > 200 ? `${text.slice(0, 200)}…` : text);
}

/** As calls of a lambda are told of it. */
export function asWorkerError(cause: unknown): WorkerError {
  if (!(cause instanceof ImageError)) return new WorkerError('registry-unavailable', { cause });
  switch (cause.at) {
    case 'unknown':
      return new WorkerError('lambda-unknown', { cause });
    case 'unavailable':
      return new WorkerError('registry-unavailable', { detail: 'the image of this lambda cannot be had', cause });
    case 'invalid':
      return new WorkerError('code-invalid', { detail: cause.message, cause });
  }
}
