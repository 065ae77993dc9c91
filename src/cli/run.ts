// `worker [run]`: checks the config, then runs the worker until it is told to stop. Also what `worker up` ends in.
import { type Config, ConfigError, type LoadOptions, loadConfig, parseConfig } from '../config/load.ts';
import { parseOverrides } from '../config/overrides.ts';
import { startFault } from '../config/start-fault.ts';
import { exit, Failure, say } from './failure.ts';
import { tellStarter } from './starter.ts';

export interface RunOptions {
  readonly config: string;
  /** The text of each -o, in order. */
  readonly options: readonly string[];
  onListening?(url: string): void;
}

/** A failed worker ends the process here: nothing is left to serve, and open handles must not keep it alive. */
export async function run(options: RunOptions): Promise<never> {
  const config = checked(options, { warn: (line) => say(`config ${options.config}: ${line}`) });
  try {
    const { runWorker } = await import('../main.ts');
    await runWorker(config, (url, engine) => {
      process.stdout.write(`listening on ${url} (${engine})\n`);
      options.onListening?.(url);
      void tellStarter({ at: 'listening', url }); // it may be gone
    });
    process.exit(exit.well); // all is closed; a handle that a library keeps must not keep the process
  } catch (error) {
    const fault = startFault(error, config);
    const why =
      fault === undefined ? told(error) : fault.isLasting ? unusable(`the config "${options.config}"`, [fault.message]) : fault.message;
    say(why);
    await tellStarter({ at: 'failed', why });
    process.exit(fault?.isLasting ? exit.usage : exit.failed);
  }
}

/** Throws a Failure with all problems. */
export function checked({ config, options }: RunOptions, { warn = () => {} }: Pick<LoadOptions, 'warn'> = {}): Config {
  return usable(config, () => loadConfig(config, { overrides: options.flatMap(parseOverrides), warn }));
}

/** The same of what is to be in the file `config`. */
export function checkedContent(content: object, { config, options }: RunOptions): Config {
  return usable(config, () => parseConfig(content, options.flatMap(parseOverrides)));
}

function usable(config: string, load: () => Config): Config {
  try {
    return load();
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const what = error.problems.every((problem) => problem.startsWith('-o ')) ? 'what -o gives' : `the config "${config}"`;
    throw new Failure(unusable(what, error.problems), { exitCode: exit.usage, cause: error });
  }
}

function unusable(what: string, problems: readonly string[]): string {
  return [`${what} cannot be used:`, ...problems].join('\n  ');
}

// What we throw says what to do in its message; anything else (TypeError …) is a bug, and its stack is what helps.
function told(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error instanceof TypeError || error instanceof ReferenceError || error instanceof RangeError) return error.stack ?? error.message;
  return error.cause === undefined ? error.message : `${error.message}\n  because: ${told(error.cause)}`;
}
