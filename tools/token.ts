import { Command, InvalidArgumentError } from 'commander';
import { resolve } from 'node:path';
import { authSecretFile, readSecret, secretFromEnvironment } from './stack/secret.ts';
import { signToken } from './stack/token.ts';

/** Prints a token for a user, and nothing else, on standard output. */
async function printToken(user: string, { expires, data }: { expires: number; data: string }): Promise<void> {
  const secret = secretFromEnvironment() ?? readSecret(authSecretFile(resolve(data)));
  if (!secret) {
    throw new Error(
      `No secret: neither AUTH_SECRET is set, nor is there ${authSecretFile(data)}.\n` +
        'Run `npm start` once, which makes one (--data if it is elsewhere), or set AUTH_SECRET as for the gateways.',
    );
  }
  console.log(await signToken(secret, user, expires));
}

const seconds = (text: string): number => {
  if (Number.isInteger(Number(text))) return Number(text);
  throw new InvalidArgumentError('It must be a whole number of seconds.');
};

const program = new Command('token')
  .description('Print a token with which <user> can log in.')
  .argument('<user>', 'user id: 1 to 128 of A-Z a-z 0-9 . _ : @ -')
  .option('--expires <seconds>', 'valid for this long from now', seconds, 3_600)
  .option('--data <dir>', 'data folder of the stack', '.sixfold')
  .action(printToken);

try {
  await program.parseAsync();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
