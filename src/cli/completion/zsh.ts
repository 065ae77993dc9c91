import type { Completed } from './completion.ts';
import { programs } from './shells.ts';

/** `source <(worker completion zsh)`, or in a file `_worker` of $fpath. */
export function zsh(commands: readonly Completed[]): string {
  return `#compdef ${programs.join(' ')}
# zsh completion of worker: source <(worker completion zsh)
_sock_worker() {
  local path_='' word at
  local -a offered
  for ((at = 2; at < CURRENT; at++)); do
    word=\${words[at]}
    [[ $word == -* || ( $at == 2 && $word == worker ) ]] && continue
    case $path_ in
      '') path_=$word ;;
      admin) path_="admin $word" ;;
    esac
  done
  case $path_ in
${commands.map((command) => `    ${quoted(command.name)}) offered=(${offered(command).join(' ')}) ;;`).join('\n')}
  esac
  _describe -t commands worker offered || _files
}
compdef _sock_worker ${programs.join(' ')}
`;

  function offered({ name, words, options }: Completed): string[] {
    const described = (word: string) => commands.find((command) => command.name === `${name} ${word}`.trim())?.description ?? '';
    return [
      ...words.map((word) => item(word, described(word))),
      ...options.flatMap(({ short, long, description }) =>
        [...(short === undefined ? [] : [short]), long].map((flag) => item(flag, description)),
      ),
    ];
  }
}

function item(word: string, description: string): string {
  return quoted(`${word}:${description.replaceAll(':', '\\:')}`);
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
