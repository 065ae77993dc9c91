// Requests as the page shows them: when each phase ended, to a tenth of a microsecond.
import type { Finished } from '../finished.ts';
import { wallClockUs } from '../traces.ts';

export interface ShownRequest {
  readonly id: string;
  /** When it ended: milliseconds of performance.now(), for whoever asks for what came later. */
  readonly ended: number;
  /** When it began: milliseconds since 1970. */
  readonly time: number;
  readonly lambda: string | undefined;
  readonly method: string;
  readonly path: string | undefined;
  readonly status: number;
  readonly start: string | undefined;
  readonly error: string | undefined;
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly sandbox: string | undefined;
  readonly trace: string | undefined;
  /** Tenths of a microsecond, whole: the phases' add up to it. */
  readonly length: number;
  readonly phases: readonly (readonly [name: string, length: number])[];
}

export interface ShownError extends ShownRequest {
  readonly message: string;
}

/** A request that failed, and what its caller was told. */
export interface Failed {
  readonly finished: Finished;
  readonly message: string;
}

/** UTF-16 units. Of a long message the beginning says what failed, and the end, of a traceback, with what. */
const longest = { path: 300, message: 4000, messageStart: 1000 } as const;
const tenthsPerMs = 10_000;

export function shownRequest(request: Finished): ShownRequest {
  const { requestId: id, lambda, method, path, status, start, errorCode: error, bytesIn, bytesOut, sandbox, trace, began, ended } = request;
  const length = tenths(ended - began);
  return {
    id,
    ended,
    time: wallClockUs(began) / 1000,
    lambda,
    method,
    path: path?.slice(0, longest.path),
    status,
    start,
    error,
    bytesIn,
    bytesOut,
    sandbox,
    trace: trace?.traceId,
    length,
    phases: phases(request, length),
  };
}

export function shownError({ finished, message }: Failed): ShownError {
  return { ...shownRequest(finished), message };
}

/** A copy, since what is cut from a larger string keeps all of that in memory (V8's sliced strings). */
export function shortened(message: string): string {
  const { message: most, messageStart } = longest;
  if (message.length <= most) return message;
  const cut = `${message.slice(0, messageStart)}\n…\n${message.slice(messageStart + 3 - most)}`;
  return Buffer.from(cut, 'utf16le').toString('utf16le');
}

/** Their ends are rounded, not their lengths, so that the sum is right; what came after the last one, the sending, is there as well. */
function phases({ phases }: Finished, length: number): ShownRequest['phases'] {
  let [at, from] = [0, 0];
  const shown = phases.list.map(([name, ms]) => {
    at += ms;
    const [began, end] = [from, Math.min(tenths(at), length)];
    from = end;
    return [name, end - began] as const;
  });
  return from < length ? [...shown, ['send', length - from]] : shown;
}

function tenths(ms: number): number {
  return Math.round(ms * tenthsPerMs);
}
