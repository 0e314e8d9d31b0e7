import type { DescribedCommand, DescribedOption, Value } from './description.ts';

/** A script for zsh that completes a program, with descriptions, without running it; to be sourced, or in `fpath`. */
export const zshScript = (program: string, commands: readonly DescribedCommand[]): string => `\
#compdef ${program}
# Completion of ${program} for zsh. In ~/.zshrc: source <(${program} completion zsh)
_${program}() {
  local -a commands=(
${commands.map(({ name, description }) => `    ${quoted(`${name}:${description}`)}`).join('\n')}
  )
  if ((CURRENT == 2)); then
    _describe -t commands command commands
    return
  fi
  shift words
  ((CURRENT -= 1))
  case $words[1] in
${commands.map(commandCase).join('\n')}
  esac
}
if [[ $funcstack[1] == _${program} ]]; then
  _${program} "$@"
else
  (($+functions[compdef])) || { autoload -Uz compinit && compinit }
  compdef _${program} ${program}
fi
`;

const commandCase = ({ name, options, argument }: DescribedCommand): string => {
  const specs = options.map(optionSpec);
  // For a text zsh offers nothing, and no message that would keep it from completing a single option.
  if (argument) specs.push(argument === 'text' ? "'*: :()'" : quoted(`1:${actionOf('argument', argument)}`));
  return `    ${name}) _arguments -s ${specs.join(CONTINUED)} ;;`;
};

const CONTINUED = ' \\\n      ';

/** `'*--wait=[what to wait for]:value:(accepted stored)'`, in the language of `_arguments`. */
function optionSpec({ flags, description, value }: DescribedOption): string {
  const escaped = description.replaceAll(/[[\]\\:]/g, '\\$&');
  const ending = `[${escaped}]${value === undefined ? '' : `:${actionOf('value', value)}`}`;
  // The star: an option may be repeated, such as --url.
  return flags.map((flag) => quoted(`*${flag}${value === undefined ? '' : '='}${ending}`)).join(' ');
}

function actionOf(what: string, value: Value): string {
  if (typeof value !== 'string') return `${what}:(${value.join(' ')})`;
  if (value === 'text') return `${what}: `;
  return value === 'directory' ? 'directory:_files -/' : 'file:_files';
}

const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;
