import { Argument, Command } from 'commander';
import { type Surroundings, writeLine } from '../surroundings.ts';
import { bashScript } from './bash.ts';
import { describeCommands } from './description.ts';
import { zshScript } from './zsh.ts';

const SCRIPTS = { bash: bashScript, zsh: zshScript };

const HELP = `
Put one of these lines into ~/.bashrc or ~/.zshrc:
  source <(sixfold completion bash)
  source <(sixfold completion zsh)
`;

/** The command `completion`. */
export const completionCommand = ({ output }: Surroundings): Command =>
  new Command('completion')
    .description('Print a script with which your shell completes commands and options.')
    .addArgument(new Argument('<shell>', 'the shell').choices(Object.keys(SCRIPTS)))
    .addHelpText('after', HELP)
    .action(async (shell: keyof typeof SCRIPTS, _, { parent }: Command) => {
      if (parent) await writeLine(output, SCRIPTS[shell](parent.name(), describeCommands(parent)).trimEnd());
    });
