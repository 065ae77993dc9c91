import type { Completed } from './completion.ts';
import { programs } from './shells.ts';

/** `source <(worker completion bash)`. Where neither a command nor an option fits, files are completed. */
export function bash(commands: readonly Completed[]): string {
  return `# bash completion of worker: source <(worker completion bash)
_sock_worker() {
  local word words=() current=\${COMP_WORDS[COMP_CWORD]}
${pathOf}
  case $path in
${commands.map((command) => `    '${command.name}') words=(${offered(command)}) ;;`).join('\n')}
  esac
  COMPREPLY=($(compgen -W "\${words[*]}" -- "$current"))
}
complete -o default -F _sock_worker ${programs.join(' ')}
`;

  function offered({ words, options }: Completed): string {
    return [...words, ...options.flatMap(({ short, long }) => [...(short === undefined ? [] : [short]), long])].join(' ');
  }
}

/** The command that the words before the current one name; OpenLambda's first word "worker" names none. */
const pathOf = `  local path='' at
  for ((at = 1; at < COMP_CWORD; at++)); do
    word=\${COMP_WORDS[at]}
    [[ $word == -* || ( $at == 1 && $word == worker ) ]] && continue
    case $path in
      '') path=$word ;;
      admin) path="admin $word" ;;
    esac
  done`;
