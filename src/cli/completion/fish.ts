import type { Completed } from './completion.ts';
import { programs } from './shells.ts';

/** `worker completion fish | source`. */
export function fish(commands: readonly Completed[]): string {
  const lines = commands.flatMap(({ name, words, options }) => [
    ...words.map(
      (word) => `-n '${condition(name)}' -f -a ${word}${described(commands.find((c) => c.name === `${name} ${word}`.trim())?.description)}`,
    ),
    ...options.map(
      ({ short, long, description }) =>
        `-n '${condition(name)}'${short === undefined ? '' : ` -s ${short.slice(1)}`} -l ${long.slice(2)}${described(description)}`,
    ),
  ]);
  return `# fish completion of worker: worker completion fish | source
function __sock_worker_path
    set -l words (commandline -opc)[2..-1]
    test "$words[1]" = worker; and set -e words[1]
    set -l path
    for word in $words
        string match -q -- '-*' $word; and continue
        if test (count $path) -eq 0; or test "$path" = admin
            set -a path $word
        end
    end
    echo "$path"
end
${programs.flatMap((program) => lines.map((line) => `complete -c ${program} ${line}`)).join('\n')}
`;
}

function condition(name: string): string {
  return `test (__sock_worker_path) = "${name}"`;
}

function described(description = ''): string {
  return description === '' ? '' : ` -d '${description.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}
