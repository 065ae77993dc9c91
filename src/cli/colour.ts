// When the command line writes in colours.

/** Only to a terminal, and never where NO_COLOR is set (https://no-color.org). What a program or a CI reads is always plain. */
export function inColour(): boolean {
  return process.stdout.isTTY === true && process.env.NO_COLOR === undefined;
}
