import type { DescribedCommand, Value } from './description.ts';

/**
 * A script for bash that completes a program without running it. It needs no package `bash-completion`, never evaluates
 * the line, and works with bash 3.2 of macOS.
 */
export const bashScript = (program: string, commands: readonly DescribedCommand[]): string => `\
# Completion of ${program} for bash. In ~/.bashrc: source <(${program} completion bash)
_${program}() {
  local current=\${COMP_WORDS[COMP_CWORD]} option=\${COMP_WORDS[COMP_CWORD-1]} kind= words=
  # bash splits --option=value at the equals sign
  if [[ $current == = ]]; then current=
  elif [[ $option == = ]]; then option=\${COMP_WORDS[COMP_CWORD-2]}
  fi
  COMPREPLY=()
  if ((COMP_CWORD == 1)); then
    words='${commands.map(({ name }) => name).join(' ')} --help'
  else
    case "\${COMP_WORDS[1]} $option" in
${valueCases(commands)}
      *)
        case "\${COMP_WORDS[1]} $current" in
${commands.map(otherCases).join('\n')}
        esac ;;
    esac
  fi
  if [[ -z $kind ]]; then
    COMPREPLY=($(compgen -W "$words" -- "$current"))
  else
    local IFS=$'\\n'
    compopt -o filenames 2>/dev/null
    COMPREPLY=($(compgen "$kind" -- "$current"))
  fi
}
complete -F _${program} ${program}
`;

/** After an option stands its value: one case for all options with the same. */
function valueCases(commands: readonly DescribedCommand[]): string {
  const cases = new Map<string, string[]>();
  for (const { name, options } of commands)
    for (const { flags, value } of options) {
      if (value === undefined) continue;
      const patterns = cases.get(offer(value)) ?? [];
      cases.set(offer(value), [...patterns, ...flags.map((flag) => `'${name} ${flag}'`)]);
    }
  return Array.from(cases, ([offered, patterns]) => `      ${patterns.join(' | ')}) ${offered} ;;`).join(
    '\n',
  );
}

/** Elsewhere stand options and the argument. */
function otherCases({ name, options, argument }: DescribedCommand): string {
  const flags = options.flatMap((option) => option.flags.filter((flag) => flag.startsWith('--')));
  const words = typeof argument === 'object' ? argument.join(' ') : '';
  return `          '${name} -'*) words='${flags.join(' ')}' ;;\n          '${name} '*) words='${words}' ;;`;
}

const OFFERS = { text: 'return', directory: 'kind=-d', file: 'kind=-f' };

const offer = (value: Value): string =>
  typeof value === 'string' ? OFFERS[value] : `words='${value.join(' ')}'`;
