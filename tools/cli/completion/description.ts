import type { Argument, Command, Option } from 'commander';

/** What may stand somewhere: one of these words, a path, or a text of the user's own. */
export type Value = readonly string[] | 'directory' | 'file' | 'text';

export interface DescribedOption {
  /** `--wait`; before it the short one, where there is one. */
  flags: string[];
  description: string;
  /** Undefined where the option stands alone. */
  value: Value | undefined;
}

export interface DescribedCommand {
  name: string;
  /** Its first sentence. */
  description: string;
  options: DescribedOption[];
  argument: Value | undefined;
}

/** What a shell has to know of a program to complete its commands and options. */
export function describeCommands(program: Command): DescribedCommand[] {
  const help = program.createHelp();
  const commands = help.visibleCommands(program);
  const names = commands.map((command) => command.name());
  return commands.map((command) => ({
    name: command.name(),
    description: command.description(),
    options: help.visibleOptions(command).map(describeOption),
    argument:
      command.name() === 'help' ? names : valueOf(help.visibleArguments(command)[0] ?? first(command)),
  }));
}

/** Commander hides arguments that have no description. */
const first = (command: Command): Argument | undefined => command.registeredArguments[0];

const describeOption = (option: Option): DescribedOption => ({
  flags: [option.short, option.long].filter((flag) => flag !== undefined),
  description: option.description,
  value:
    option.required || option.optional ? (pathOf(option.flags) ?? option.argChoices ?? 'text') : undefined,
});

const valueOf = (argument: Argument | undefined): Value | undefined =>
  argument && (argument.argChoices ?? 'text');

/** By the name of the value: `<dir>`, `<file>`. */
function pathOf(flags: string): 'directory' | 'file' | undefined {
  if (flags.endsWith('<dir>')) return 'directory';
  return flags.endsWith('<file>') ? 'file' : undefined;
}
