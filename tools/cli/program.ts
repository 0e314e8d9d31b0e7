import { Command, CommanderError } from 'commander';
import { chatCommand } from './chat/command.ts';
import { completionCommand } from './completion/command.ts';
import { doctorCommand } from './doctor/command.ts';
import { CliError, EXIT, type ExitCode } from './exit.ts';
import { loadCommand } from './load/command.ts';
import { listenCommand } from './messages/listen.ts';
import { sendCommand } from './messages/send.ts';
import { type Surroundings, writeLine } from './surroundings.ts';
import { tokenCommand } from './token/command.ts';

const HELP = `
Against \`npm start\` on this machine no option is needed: sixfold chat --as alice --to bob
Against another gateway say where it is, and get tokens from your back end:
  export SIXFOLD_URL=wss://chat.example/ws SIXFOLD_TOKEN_COMMAND='curl -s https://chat.example/token?user=$SIXFOLD_USER'

Exit codes: 0 done, 1 failed, 2 wrong usage, 3 no session in time, 4 login refused; of send: 5 rejected, 6 accepted and
not in the wanted state in time, 7 not accepted in time.
`;

/** The command line, with all its commands. */
export function program(surroundings: Surroundings): Command {
  const { output } = surroundings;
  return new Command('sixfold')
    .description('Sixfold from a terminal or a script: each command has its own --help.')
    .addCommand(chatCommand(surroundings))
    .addCommand(sendCommand(surroundings))
    .addCommand(listenCommand(surroundings))
    .addCommand(loadCommand(surroundings))
    .addCommand(doctorCommand(surroundings))
    .addCommand(tokenCommand((token) => writeLine(output, token)))
    .addCommand(completionCommand(surroundings))
    .addHelpText('after', HELP);
}

/** Runs a command. @returns its exit code; an error is one sentence on `errors` */
export async function run(args: readonly string[], surroundings: Surroundings): Promise<ExitCode> {
  const { output, errors } = surroundings;
  const command = program(surroundings);
  for (const one of [command, ...command.commands])
    one.exitOverride().configureOutput({
      writeOut: (text) => void output.write(text),
      writeErr: (text) => void errors.write(text),
    });
  try {
    await command.parseAsync([...args], { from: 'user' });
    return EXIT.done;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.usage; // it has said why
    if (isBrokenPipe(error)) return EXIT.done;
    await writeLine(errors, error instanceof Error ? error.message : String(error));
    return error instanceof CliError ? error.exitCode : EXIT.failed;
  }
}

/** The reader of our output has ended: it wants nothing more. */
const isBrokenPipe = (error: unknown) => error instanceof Error && 'code' in error && error.code === 'EPIPE';
