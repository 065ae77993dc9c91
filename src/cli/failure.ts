// What ends a command early: words for whoever typed it, and the exit code. main.ts prints it.

/** The exit codes that all commands share; `worker status` has two more (status.ts). */
export const exit = { well: 0, failed: 1, usage: 2 } as const;

export class Failure extends Error {
  readonly exitCode: number;

  constructor(message: string, options: { exitCode?: number; cause?: unknown } = {}) {
    super(message, { cause: options.cause });
    this.name = 'Failure';
    this.exitCode = options.exitCode ?? exit.failed;
  }
}

/** The part of a system error that people read: `EACCES: permission denied`. */
export function because(cause: unknown): string {
  return cause instanceof Error ? cause.message.replace(/, \w+ '.*$/, '') : String(cause);
}

export function codeOf(cause: unknown): string | undefined {
  return cause instanceof Error && 'code' in cause ? String(cause.code) : undefined;
}

export function say(text: string): void {
  process.stderr.write(`worker: ${text}\n`);
}
