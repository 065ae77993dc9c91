#!/usr/bin/env node
// The command line: names the commands and their options, loads only the one that is asked for. bin/worker starts it.
// Exit codes: 0 well, 1 failed, 2 the command line or the config cannot be used.
import { readFileSync } from 'node:fs';
import { Command, CommanderError } from 'commander';

const program = new Command('worker')
  .description('The server of one serverless node. Without a command it runs the worker.')
  .version(version())
  .exitOverride()
  .showHelpAfterError('(worker --help lists commands and options)');

program
  .command('run', { isDefault: true })
  .description('run the worker until SIGINT or SIGTERM')
  .option('-c, --config <file>', 'the config file', 'config.json')
  .allowExcessArguments()
  .action(async (options: { config: string }, command: Command) => {
    if (command.args.length > 0) command.error(`error: unknown command "${command.args[0]}"`);
    const { run } = await import('./run.ts');
    process.exitCode = await run(options.config);
  });

program
  .command('doctor')
  .description('check what this machine lacks for the worker, and say how to mend it')
  .option('-c, --config <file>', 'the config file (default: config.json where there is one)')
  .option('--json', 'print the findings as JSON')
  .action(async (options: { config?: string; json?: true }) => {
    const { doctor } = await import('./doctor.ts');
    process.exitCode = await doctor({ configFile: options.config, format: options.json ? 'json' : 'table' });
  });

program.addHelpText(
  'after',
  `
The launcher adds, in a checkout:
  test [SUITE...]   set up, build, run the tests
  bench [ARG...]    set up, build, run the benchmarks

Without a command the options of run apply: worker --config config.json`,
);

try {
  await program.parseAsync();
} catch (error) {
  if (!(error instanceof CommanderError)) throw error;
  process.exitCode = error.exitCode === 0 ? 0 : 2;
}

function version(): string {
  const { version } = JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8')) as { version: string };
  return version;
}
