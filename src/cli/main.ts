#!/usr/bin/env node
// The command line: bin/worker starts it. Exit codes: 0 well, 1 failed, 2 the command line or the config cannot be used; `status` has more.
import { CommanderError } from 'commander';
import { normalised } from './argv.ts';
import { codeOf, exit, Failure, say } from './failure.ts';
import { program } from './program.ts';

process.stdout.on('error', (cause) => {
  if (codeOf(cause) !== 'EPIPE') throw cause; // `| head` has seen enough
});

try {
  await program().parseAsync(normalised(process.argv.slice(2)), { from: 'user' });
} catch (error) {
  if (error instanceof Failure) {
    say(error.message);
    process.exitCode = error.exitCode;
  } else if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? exit.well : exit.usage;
  else throw error;
}
