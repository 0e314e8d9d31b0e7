import { Command } from 'commander';
import { resolve } from 'node:path';
import { styleText } from 'node:util';
import { findStage, TourError } from './tour/stage.ts';
import { Story } from './tour/story.ts';

/** Shows what Sixfold does, with real messages through the running stack, and checks what it shows. */
const program = new Command('tour')
  .description('Send real messages through the running stack and show every packet of them.')
  .option('--data <dir>', 'data folder of the stack', '.sixfold')
  .action(async ({ data }: { data: string }) => new Story(findStage(resolve(data))).tell());

try {
  await program.parseAsync();
} catch (error) {
  if (!(error instanceof TourError)) throw error;
  console.error(`\n${styleText('red', '✖', { stream: process.stderr })} ${error.message}`);
  process.exitCode = 1;
}
