// `worker [run]`: checks the config, then runs the worker until it is told to stop.
import { type Config, ConfigError, loadConfig } from '../config/load.ts';

/** The exit code. A failed worker ends the process here: nothing is left to serve, and open handles must not keep it alive. */
export async function run(configFile: string): Promise<number> {
  const config = checked(configFile);
  if (config === undefined) return 2;
  try {
    const { runWorker } = await import('../main.ts');
    await runWorker(config);
    process.exit(0); // all is closed; a handle that a library keeps must not keep the process
  } catch (error) {
    say(told(error));
    process.exit(1);
  }
}

function checked(configFile: string): Config | undefined {
  try {
    return loadConfig(configFile, { warn: (line) => say(`config ${configFile}: ${line}`) });
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    say([`the config "${configFile}" cannot be used:`, ...error.problems].join('\n  '));
    return undefined;
  }
}

// What we throw says what to do in its message; anything else (TypeError …) is a bug, and its stack is what helps.
function told(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error instanceof TypeError || error instanceof ReferenceError || error instanceof RangeError) return error.stack ?? error.message;
  return error.cause === undefined ? error.message : `${error.message}\n  because: ${told(error.cause)}`;
}

function say(text: string): void {
  process.stderr.write(`worker: ${text}\n`);
}
