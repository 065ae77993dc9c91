// `worker completion`: scripts for shells, made from the commands and options themselves. What each shell needs is in a file of its own.
import type { Command } from 'commander';
import { bash } from './bash.ts';
import { fish } from './fish.ts';
import type { Shell } from './shells.ts';
import { zsh } from './zsh.ts';

export interface Completed {
  /** Of a command within a command (`admin install`) both, with a space. */
  readonly name: string;
  readonly description: string;
  /** What may follow: its commands and the choices of its arguments. */
  readonly words: readonly string[];
  readonly options: readonly { readonly short: string | undefined; readonly long: string; readonly description: string }[];
}

export function completion(program: Command, shell: Shell): string {
  return { bash, zsh, fish }[shell](describe(program, ''));
}

/** The program itself, named '', then all its commands. */
function describe(command: Command, name: string): Completed[] {
  const help = command.createHelp();
  const below = help.visibleCommands(command).filter((child) => child.name() !== 'help');
  return [
    {
      name,
      description: command.description(),
      words: [...below.map((child) => child.name()), ...command.registeredArguments.flatMap(({ argChoices }) => argChoices ?? [])],
      options: help.visibleOptions(command).map(({ short, long, description }) => ({ short, long: long ?? '', description })),
    },
    ...below.flatMap((child) => describe(child, `${name} ${child.name()}`.trim())),
  ];
}
