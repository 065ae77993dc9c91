// The worker's log: JSON lines to stdout or a file. Whoever ends a story logs it, once.
import { constants, openSync, writeSync } from 'node:fs';
import { type Logger, pino, stdTimeFunctions } from 'pino';
import { LogFile } from './log-file.ts';

export type Log = Logger;

/** Without O_NONBLOCK a pipe that nobody reads would hold up the start without a word. */
const flags = constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | constants.O_NONBLOCK;

/** `output`: `stdout` or a file to append to. Throws the error of the file system. What waits to be written is written when the process exits. */
export function openLog(output: string, level: 'error' | 'warn' | 'info' | 'debug' = 'info'): Log {
  const file = new LogFile(output === 'stdout' ? 1 : openSync(output, flags), ({ message }) =>
    toStderr(`write the log (${output}): ${message}; trying again with each line (make room where it lies, or see to who reads it)`),
  );
  process.once('exit', () => file.flush());
  return pino({ base: null, level, timestamp: stdTimeFunctions.isoTime }, file);
}

function toStderr(line: string): void {
  try {
    writeSync(2, `worker: ${line}\n`);
  } catch {
    // on the same full disk, as a rule
  }
}
