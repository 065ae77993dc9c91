// The worker's log: JSON lines to stdout or a file. Whoever ends a story logs it, once.
import { type Logger, pino, stdTimeFunctions } from 'pino';

export type Log = Logger;

/** UTF-16 units that wait to be written. Beyond it lines are lost: a log that is read slowly must not fill the worker's memory. */
const mostWaiting = 16 << 20;

export interface LogSink {
  readonly log: Log;
  /** Writes out what is still in memory. */
  flush(): void;
}

/** `output`: `stdout` or a file to append to. Lines are written in the background, in order. */
export function openLog(output: string): LogSink {
  const destination = pino.destination({ dest: output === 'stdout' ? 1 : output, sync: false, mkdir: true, maxLength: mostWaiting });
  const log = pino({ base: null, timestamp: stdTimeFunctions.isoTime }, destination);
  return {
    log,
    flush: () => {
      try {
        destination.flushSync();
      } catch {
        // it was never opened, or its reader is gone: nothing is left to tell it to
      }
    },
  };
}
