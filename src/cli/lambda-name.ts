// The name that a command is to give a lambda.
import { WorkerError } from '../errors.ts';
import { checkName } from '../registry/entry.ts';
import { exit, Failure } from './failure.ts';

/** `attempt`: what is done, for messages. Throws a Failure. */
export function checkNewName(name: string, attempt: string): void {
  try {
    checkName(name);
  } catch (cause) {
    if (!(cause instanceof WorkerError)) throw cause;
    throw new Failure(`${attempt}: a lambda's name has letters, digits, ".", "_", "-" only`, {
      exitCode: exit.usage,
      cause,
    });
  }
}
