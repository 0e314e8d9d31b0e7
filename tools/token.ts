import { tokenCommand } from './cli/token/command.ts';

try {
  await tokenCommand((token) => console.log(token)).parseAsync();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
