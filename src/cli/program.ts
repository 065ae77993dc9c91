// The commands and their options. Each loads its own file only, when it is asked for.
import { readFileSync } from 'node:fs';
import { Argument, Command, InvalidArgumentError, Option } from 'commander';
import { type Language, languages } from '../runtime/languages.ts';
import { type Shell, shells } from './completion/shells.ts';
import type { InstallOptions } from './install/install.ts';
import type { PlaceOptions } from './place.ts';

export function program(): Command {
  const worker = new Command('worker')
    .description('The server of one serverless node. Without a command it runs the worker.')
    .version(version())
    .exitOverride()
    .showHelpAfterError('(worker --help lists commands and options)')
    .addHelpText('after', more);
  running(worker);
  environments(worker);
  lambdas(worker);
  worker
    .command('doctor')
    .description('check what this machine lacks for the worker, and say how to mend it')
    .option('-c, --config <file>', 'the config file (default: config.json where there is one)')
    .option('--json', 'print the findings as JSON')
    .addHelpText('after', examples('sudo worker doctor', 'worker doctor --json'))
    .action(async (options: { config?: string; json?: true }) => {
      const { doctor } = await import('./doctor.ts');
      process.exitCode = await doctor({ configFile: options.config, format: options.json ? 'json' : 'table' });
    });
  worker
    .command('completion')
    .description('print a script that completes commands and options in a shell')
    .addArgument(new Argument('<shell>').choices(shells))
    .addHelpText('after', examples('source <(worker completion bash)', 'worker completion fish | source'))
    .action(async (shell: Shell) => {
      const { completion } = await import('./completion/completion.ts');
      process.stdout.write(completion(worker, shell));
    });
  return worker;
}

function running(worker: Command): void {
  worker
    .command('run', { isDefault: true })
    .description('run the worker until SIGINT or SIGTERM')
    .option('-c, --config <file>', 'the config file', 'config.json')
    .addOption(overrides())
    .allowExcessArguments()
    .addHelpText('after', examples('sudo worker --config config.json', 'sudo worker run -o worker_port=0,limits.mem_mb=100'))
    .action(async (options: { config: string; options: readonly string[] }, command: Command) => {
      if (command.args.length > 0) command.error(`error: unknown command "${command.args[0]}"`);
      const { run } = await import('./run.ts');
      await run(options);
    });
}

function environments(worker: Command): void {
  const image = () => new Option('-i, --image <name>', "for OpenLambda's scripts; has no effect");
  worker
    .command('init')
    .description('make an environment: a directory with config.json, a registry, and what a worker needs')
    .addOption(environment())
    .addOption(image())
    .option('-b, --newbase', "for OpenLambda's scripts; has no effect")
    .addHelpText('after', examples('worker init -p ./node1'))
    .action(async (options: { path?: string; image?: string; newbase?: true }) => {
      const { init } = await import('./init.ts');
      init(options);
    });
  worker
    .command('up')
    .description('run the worker of an environment, which is made where there is none')
    .addOption(environment())
    .addOption(overrides())
    .option('-d, --detach', 'in the background: returns when the worker listens, or says why it does not')
    .addOption(image())
    .addHelpText('after', examples('sudo worker up -p ./node1 --detach', 'sudo worker up -p ./node1 -d -o worker_port=8080'))
    .action(async (options: { path?: string; options: readonly string[]; detach?: true }) => {
      const { up } = await import('./up.ts');
      await up(options);
    });
  placed(worker.command('down'))
    .description('stop the worker: it finishes what it has accepted; this waits until it has ended')
    .option('-t, --timeout <seconds>', 'kill it after this time (default: what its config lets calls take, and 40 s)', seconds)
    .addHelpText('after', examples('sudo worker down -p ./node1'))
    .action(async (options: PlaceOptions & { timeout?: number }) => {
      const { down } = await import('./down.ts');
      down(options);
    });
  placed(worker.command('status'))
    .description('say whether the worker runs and takes calls')
    .option('--json', 'print it as JSON')
    .addHelpText(
      'after',
      `
Exit codes: 0 ready, 3 not running, 4 running but not ready (starting, draining, or without an answer),
1 it cannot be told, 2 no such environment.
${examples('worker status -p ./node1', 'worker status --json')}`,
    )
    .action(async (options: PlaceOptions & { json?: true }) => {
      const { status } = await import('./status.ts');
      process.exitCode = await status(options);
    });
  placed(worker.command('force-cleanup'))
    .description('remove what a worker that was killed has left (the next start does that, too)')
    .addHelpText('after', examples('sudo worker force-cleanup -p ./node1'))
    .action(async (options: PlaceOptions) => {
      const { cleanup } = await import('./cleanup.ts');
      await cleanup(options);
    });
}

function lambdas(worker: Command): void {
  placed(worker.command('new'))
    .description('write a lambda that runs into the registry')
    .argument('<name>', 'letters, digits, ".", "_", "-"')
    .addOption(new Option('-r, --runtime <runtime>', 'what it is written in').choices(languages).default(languages[0]))
    .addHelpText('after', examples('worker new hello -p ./node1', 'worker new fast --runtime native'))
    .action(async (name: string, options: PlaceOptions & { runtime: Language }) => {
      const { newLambda } = await import('./new/new.ts');
      newLambda(name, options);
    });
  placed(worker.command('pull'))
    .description('make sure that the code of lambdas, and images, are on the node')
    .argument('<name...>', 'lambdas, or images: host/repository:tag, oci:DIRECTORY[:tag], docker-archive:FILE[:name:tag]')
    .addHelpText('after', examples('sudo worker pull hello resize -p ./node1', 'sudo worker pull registry.example.org/team/app:1.2'))
    .action(async (names: readonly string[], options: PlaceOptions) => {
      const { pull } = await import('./pull.ts');
      await pull(names, options);
    });
  placed(worker.command('logs'))
    .description('print what a lambda has printed lately')
    .argument('<lambda>')
    .option('-f, --follow', 'and what it prints from now on')
    .option('-n, --lines <number>', 'so many of its last lines', count)
    .addHelpText('after', examples('worker logs hello -f', 'worker logs hello -n 20 -p ./node1'))
    .action(async (lambda: string, options: PlaceOptions & { follow?: true; lines?: number }) => {
      const { logs } = await import('./logs.ts');
      await logs(lambda, options);
    });
  worker
    .command('admin')
    .description('manage lambdas')
    .command('install')
    .description('pack a directory, or what a git URL leads to, and put it into the registry')
    .argument(
      '<source>',
      'a directory with f.py, f.bin or index.mjs (worker new writes one), or a git URL (…://…, user@host:…, or a bare repository)',
    )
    .addOption(environment())
    .addOption(overrides())
    .option('-n, --name <name>', "the lambda's name (default: that of the directory or repository)")
    .option('-c, --config <ol.yaml>', 'settings that take the place of its ol.yaml')
    .option('-r, --requirements <file>', 'takes the place of its requirements.txt (kept with the code; this version installs no packages)')
    .addHelpText(
      'after',
      examples('worker admin install ./hello', 'worker admin install -p ./node1 -n hi -c ol.yaml https://example.com/hello.git'),
    )
    .action(async (source: string, options: InstallOptions) => {
      const { install } = await import('./install/install.ts');
      await install(source, options);
    });
}

/** -p or -c, and -o: which worker is meant. */
function placed(command: Command): Command {
  return command
    .addOption(environment())
    .option('-c, --config <file>', 'the config file of a worker that has no environment')
    .addOption(overrides());
}

function environment(): Option {
  return new Option('-p, --path <dir>', 'the environment: its directory (default: "default-ol")');
}

function overrides(): Option {
  return new Option('-o, --options <key=value,…>', 'keys of the config, which win over the file; may be given again')
    .default([], 'none')
    .argParser((text: string, before: readonly string[]) => [...before, text]);
}

function seconds(text: string): number {
  if (!/^\d{1,5}(\.\d+)?$/.test(text)) throw new InvalidArgumentError('Expected seconds, like 30.');
  return Number(text);
}

function count(text: string): number {
  if (!/^\d{1,6}$/.test(text)) throw new InvalidArgumentError('Expected a number of lines, like 20.');
  return Number(text);
}

function examples(...lines: readonly string[]): string {
  return `\nExamples:\n${lines.map((line) => `  ${line}\n`).join('')}`;
}

const more = `
Exit codes: 0 well, 1 failed, 2 the command line or the config cannot be used (worker status --help has two more).

The launcher adds, in a checkout:
  test [SUITE...]   set up, build, run the tests
  bench [ARG...]    set up, build, run the benchmarks

Without a command the options of run apply: worker --config config.json
Scripts for OpenLambda run as they are: "ol worker up" is "worker up", "ol admin install" is "worker admin install".
${examples('worker init && sudo worker up --detach', 'worker new hello && curl -X POST localhost:5000/run/hello', 'worker status')}`;

function version(): string {
  const { version } = JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8')) as { version: string };
  return version;
}
